"""The questions, by the folders of the tables that answer them, and how readers call them."""

FORGETTING, DIMERS, SEARCH, SIMULATION = "forgetting", "dimers", "structure-search", "simulations"
TITLES = {
    FORGETTING: "What was forgotten",
    DIMERS: "Two atoms",
    SEARCH: "Random structures",
    SIMULATION: "Hot simulation",
}
