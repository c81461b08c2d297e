"""Training one stage of a recipe on ``mace.modules``: from random weights or from a parent model.

Why not mace-torch's own command line: its fine-tuning keeps the parent's reference energies without a word, its
patience does not stop a run, and its restart repeats an epoch (``docs/training.md``).

``run`` tells the story of a stage. ``start`` makes or adapts the model, ``heads`` says what learns from which data,
``ways`` what a mode adds to that, ``rates`` which weights learn how fast, ``loss`` and ``validation`` what is
minimised and what decides when to stop, ``progress`` when the search for the best model ends, ``state`` how a run is
kept, ``finish`` what is done before a model is written.
"""
