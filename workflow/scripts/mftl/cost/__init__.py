"""What a call would cost before anything is submitted: hours and disk by rule, and by figure with all it rests on.

``jobs`` are those that Snakemake plans; ``work`` says what each does, in steps, evaluations and labels; ``rates`` says
how long one of those takes, measured here on ``examples`` or by the table of ``cards``; ``tables`` adds up.
"""
