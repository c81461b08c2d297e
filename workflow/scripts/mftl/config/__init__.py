"""The configuration: a pydantic model for each section, grouped by what they describe."""
