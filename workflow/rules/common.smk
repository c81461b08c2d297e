# Functions of the rules: which inputs and which configuration values a job takes.

# --- downloads and pools


def datasets_of_systems():
    """Systems whose pool is of a published data set, and its name."""
    return {name: one.pool.dataset for name, one in CONFIG.systems.items() if hasattr(one.pool, "dataset")}


def downloaded(name):
    """Where a downloaded file lies."""
    return f"{CONFIG.downloads.folder}/{downloads.FILES[name].path}"


def dataset_files(wildcards):
    """Names of the files of a system's data set."""
    return downloads.DATASETS[CONFIG.systems[wildcards.system].pool.dataset].files


# --- labels

USES_CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method


def level_of(wildcards):
    return CONFIG.systems[wildcards.system].levels[wildcards.level]


def number_of_chunks(wildcards):
    """Chunks are cut from the pool; if its size is not known yet, one chunk holds all of it."""
    count = checks.pool_size(CONFIG.systems[wildcards.system])
    if count is None:
        return 1
    level = level_of(wildcards)
    if level.first and not level.only and not level.also:
        count = min(count, level.first)
    return -(-count // chunk_size(level))


def chunk_size(level):
    return level.chunk_size or CONFIG.labels.chunk_size


def chunk_range(wildcards):
    """Positions of a chunk in the pool: from, to (None: the end)."""
    size, chunk = chunk_size(level_of(wildcards)), int(wildcards.chunk)
    last = chunk + 1 == int(wildcards.chunks)
    return [chunk * size, None if last else (chunk + 1) * size]


def chunk_inputs(wildcards):
    """The pool and the files that the engine reads. Says here, before any job runs, if the engine cannot label it.

    A plan needs no engine: it may be made on another machine.
    """
    system, level = CONFIG.systems[wildcards.system], level_of(wildcards)
    inputs = {"pool": f"results/pools/{wildcards.system}.extxyz", "files": []}
    finished = Path(f"results/labels/{wildcards.system}/{wildcards.level}/{chunk_name(wildcards)}.csv").exists()
    inputs["files"] = engine_files(wildcards.system, wildcards.level, finished)
    crystal, molecule = checks.first_periodic(system), checks.first_periodic(system, periodic=False)
    if not finished and (refusal := engines.refusal(level, system.elements, crystal, molecule)):
        raise WorkflowError(f"systems.{wildcards.system}.levels.{wildcards.level}: {refusal}")
    return inputs


def engine_files(system, level, finished):
    """Files that the engine of a level reads. Raises WorkflowError if it is not installed or a file is missing.

    Not if the job is finished: what it left stays usable on a machine that has no engine.
    """
    settings, key = CONFIG.systems[system].levels[level], f"systems.{system}.levels.{level}"
    engine = engines.engine(settings.engine)
    # --sdm conda brings the engine, for the job alone
    if not finished and not USES_CONDA and not workflow.dryrun and (missing := engine.installed(settings)):
        raise WorkflowError(f"{key}.engine: {settings.engine} is not installed. To install it: {missing}")
    try:
        return engine.files(settings, CONFIG.systems[system].elements)
    except InputError as error:
        if not finished:
            raise WorkflowError(f"{key}: {error}") from None
        return []


def chunk_name(wildcards):
    return f"chunk-{wildcards.chunk}-of-{wildcards.chunks}"


def label_inputs(wildcards):
    """The pool, and the chunks of its labels or the files that they come in."""
    level = level_of(wildcards)
    inputs = {"pool": f"results/pools/{wildcards.system}.extxyz"}
    if hasattr(level, "dataset"):
        return inputs | {"file": f"results/datasets/{wildcards.system}.extxyz"}
    if hasattr(level, "file"):
        return inputs | {"file": level.file} | ({"failures": level.failures} if level.failures else {})
    count = number_of_chunks(wildcards)
    stems = [f"results/labels/{wildcards.system}/{wildcards.level}/chunk-{i}-of-{count}" for i in range(count)]
    return inputs | {
        "chunks": [f"{stem}.extxyz" for stem in stems],
        "states": [f"{stem}.csv" for stem in stems],
    }


def collecting_settings(wildcards):
    """What collecting needs: all that describes a file, but of an engine's settings only what it labels."""
    level = level_of(wildcards)
    settings = level.model_dump()
    if hasattr(level, "file"):
        return settings
    own = {key: settings[key] for key in ("first", "only", "also")}
    return own | ({"file": f"results/datasets/{wildcards.system}.extxyz"} if hasattr(level, "dataset") else {})


# --- splits


def split_settings(wildcards):
    return CONFIG.systems[wildcards.system].split


# --- training: a stage without .e is trained, one with it is a snapshot of that training, and one after .ebest is
# chosen among those trained from each snapshot

STAGE = rf"{recipe.NAME}\.{recipe.LEVEL}\.n\d+"
MODE = rf"(?:\.(?!ebest(?:/|$)){recipe.MODE})?"
PARENTS = r"(?:(?:[^/]+/)*(?![^/]*\.ebest[./])[^/]+/)?"
PARENTS_TO_TRY = rf"(?:[^/]+/)*{STAGE}\.ebest{MODE}/"


def stage_of(wildcards):
    return recipe.parse(wildcards.recipe).last


def model_file(architecture, parsed, seed):
    """Where a recipe's model lies: in results, or where the user has it if it is a foundation model."""
    if parsed.stages:
        return recipe.model_path(architecture, parsed, seed)
    return CONFIG.foundation(parsed.foundation).file


def head_of(parsed):
    """Which head of a foundation model is used; None for all other models, which have one."""
    return None if parsed is None or parsed.stages else CONFIG.foundation(parsed.foundation).head


def training_inputs(wildcards):
    """Labels at the stage's levels, the split, the parent model, and the labels that a second head learns."""
    parsed = recipe.parse(wildcards.recipe)
    stage, parent = parsed.last, parsed.parent
    inputs = {
        "labels": [f"results/labels/{stage.system}/{level}.extxyz" for level in stage.levels],
        "split": f"results/splits/{stage.system}.json",
    }
    if parent:
        inputs["parent"] = model_file(wildcards.architecture, parent, wildcards.seed)
    if replay := CONFIG.replay_of(parsed):
        system, levels = replay["system"], replay["level"].split("~")
        inputs["replay"] = [f"results/labels/{system}/{level}.extxyz" for level in levels]
        if CONFIG.systems[system].split:
            inputs["replay_split"] = f"results/splits/{system}.json"
    return inputs


def training_settings(wildcards):
    """Values of `training` that the stage uses; a run for snapshots alone ends with the last of them."""
    parsed = recipe.parse(wildcards.recipe)
    unused = set() if CONFIG.wants_best(wildcards.architecture, parsed) else {"epochs", "min_steps"}
    return CONFIG.training_of(parsed.last.mode, parsed.parent is not None).model_dump(exclude=unused)


def new_model(wildcards):
    """What only a model without a parent needs: its architecture and elements."""
    parsed = recipe.parse(wildcards.recipe)
    if parsed.parent:
        return None
    return {
        "architecture": CONFIG.architectures[wildcards.architecture].model_dump(),
        "elements": CONFIG.systems[parsed.last.system].elements,
    }


def snapshot_file(wildcards):
    """Where the training that a snapshot is of leaves it."""
    parsed = recipe.parse(wildcards.recipe)
    model = recipe.model_path(wildcards.architecture, parsed.trained, wildcards.seed)
    return model.replace("model.pt", f"snapshots/e{parsed.last.epochs}.pt")


def candidate_models(wildcards):
    """Models among which the rule choose_epochs chooses, in the order of `snapshots`."""
    candidates = recipe.parse(wildcards.recipe).candidates(CONFIG.snapshots)
    return [recipe.model_path(wildcards.architecture, one, wildcards.seed) for one in candidates]


def card_of(model):
    return model.replace("model.pt", "model.json")


# --- prediction


def models_of(curve):
    """Models of a curve, in the order of (recipe, seed)."""
    return [
        model_file(CONFIG.curves[curve].architecture, one, seed)
        for one in CONFIG.recipes_of(curve)
        for seed in CONFIG.seeds_of(curve)
    ]


def chosen_cards(curve):
    """Cards that say which epochs were chosen for each model of a curve; none if its recipes say so themselves."""
    choosers = [one.chooser for one in CONFIG.recipes_of(curve)]
    if None in choosers:
        return []
    architecture, seeds = CONFIG.curves[curve].architecture, CONFIG.seeds_of(curve)
    return [card_of(recipe.model_path(architecture, one, seed)) for one in choosers for seed in seeds]


def target_labels(curve):
    """Labels that a curve is tested against, and those of the level that is added to what a Δ model predicts."""
    system, levels = CONFIG.target_of(curve)
    return [f"results/labels/{system}/{level}.extxyz" for level in levels]


def prediction_settings(wildcards):
    """Batch size and how much of the test set is used, as one value.

    Snakemake compares the set of values, in which 100 for a batch hides 100 test structures.
    """
    settings = CONFIG.prediction.model_dump(include={"batch_size", "test_structures"})
    limits = [settings["test_structures"], CONFIG.curves[wildcards.curve].test_structures]
    return settings | {"test_structures": min((one for one in limits if one), default=None)}


# --- export

# not foundation models as they are, nor snapshots, which have no validation errors to choose by
EXPORTABLE = [name for name in CONFIG.curves if (one := CONFIG.recipes_of(name)[0]).stages and one.last.epochs is None]


def exported(wildcards):
    """Models of the curves that are to be exported."""
    if not CONFIG.export:
        raise WorkflowError(
            f"export: got no curve; valid: a list of {', '.join(EXPORTABLE)} in the configuration, "
            f"or ask for one: snakemake results/export/{EXPORTABLE[0]}/model.pt"
        )
    return [f"results/export/{curve}/model.pt" for curve in CONFIG.export]


def origins(wildcards):
    """Where the labels come from that the stages of a curve's recipe learn, and under which licence."""
    first = CONFIG.recipes_of(wildcards.curve)[0]
    learned = [(stage.system, level) for stage in first.stages for level in stage.levels]
    replays = [
        CONFIG.replay_of(recipe.Recipe(first.stages[: i + 1], first.foundation)) for i in range(len(first.stages))
    ]
    learned += [(one["system"], level) for one in replays if one for level in one["level"].split("~")]
    rows = [{"system": system, "level": level} | origin(system, level) for system, level in dict.fromkeys(learned)]
    if first.foundation:
        model = CONFIG.foundation(first.foundation)
        source = downloads.FILES[model.download].source if hasattr(model, "download") else None
        rows.insert(
            0, {"system": f"foundation model {first.foundation}", "level": "its own"} | licensed(source, model.file)
        )
    return rows


def origin(system, level):
    """Where a level's labels come from, and their licence."""
    described = CONFIG.systems[system].levels[level]
    if hasattr(described, "dataset"):
        return licensed(downloads.FILES[downloads.DATASETS[described.dataset].files[0]].source, None)
    if hasattr(described, "file"):
        return licensed(None, described.file)
    return {"origin": f"computed with {described.engine}", "licence": "yours"}


def licensed(source, file):
    """Origin and licence of what was downloaded from a known source, ships, or is the user's own."""
    if source:
        known = downloads.SOURCES[source]
        return {"origin": f"{known.title}: {known.citation}", "licence": known.licence}
    if file.startswith("resources/"):
        return {"origin": f"{file}, computed for mftl", "licence": "MIT"}
    return {"origin": file, "licence": "as your file's; ask where it comes from"}


# --- dynamics

SIMULATED = ("stability", "stability-table", "structure")  # kinds of figures that simulations are run for


def runs_of(curves, values, protocol=None):
    """Models of some curves at some values (none: all), seed by seed, with where each lies and what its head is."""
    return [
        {
            "protocol": protocol,
            "curve": curve,
            "value": value,
            "architecture": CONFIG.curves[curve].architecture,
            "recipe": str(one),
            "seed": seed,
            "head": head_of(one),
        }
        for curve in curves
        for value, one in zip(CONFIG.curves[curve].values or [0], CONFIG.recipes_of(curve), strict=True)
        for seed in CONFIG.seeds_of(curve)
        if not values or value in (0, *values)
    ]


def simulated_parts(figure):
    """The parts of a figure that each have a protocol."""
    return getattr(CONFIG.figures[figure], "panels", [CONFIG.figures[figure]])


def simulated_runs(wildcards):
    """All models that are simulated for a figure, each with the number of its panel; references come last."""
    figure = CONFIG.figures[wildcards.figure]
    runs = [
        {"panel": i, **run}
        for i, part in enumerate(simulated_parts(wildcards.figure))
        for run in runs_of(part.curves, part.values, part.protocol)
    ]
    for one in getattr(figure, "references", []):
        own = [{"panel": 0, **run} for run in runs_of([one.curve], [one.value], figure.protocol)]
        runs += [run for run in own if run not in runs]
    return runs


def run_model(run):
    return model_file(run["architecture"], recipe.parse(run["recipe"]), run["seed"])


def simulation_files(name):
    """A function of the wildcards: a file of each simulated model of a figure."""

    def files(wildcards):
        return [
            f"results/dynamics/{run['protocol']}/{run['architecture']}/{run['recipe']}/seed-{run['seed']}/{name}"
            for run in simulated_runs(wildcards)
        ]

    return files


def low_level(wildcards):
    """The level that an engine computes in each step of the dynamics of a Δ model; None for other models."""
    parsed = recipe.parse(wildcards.recipe)
    if not parsed.stages or len(parsed.last.levels) == 1:
        return None
    return CONFIG.systems[parsed.last.system].levels[parsed.last.levels[1]]


def low_engine(wildcards):
    return level.engine if (level := low_level(wildcards)) else None


def low_level_files(wildcards):
    """Files of a Δ model's low level. Says here, before any job runs, if its engine is not installed."""
    if not low_level(wildcards):
        return {}
    last = recipe.parse(wildcards.recipe).last
    folder = Path(f"results/dynamics/{wildcards.protocol}/{wildcards.architecture}/{wildcards.recipe}")
    finished = (folder / f"seed-{wildcards.seed}/events.csv").exists()
    return {"files": engine_files(last.system, last.levels[1], finished)}


def start_inputs(wildcards):
    """The pool and the split that a protocol's structures are chosen from; nothing for a crystal."""
    starts = CONFIG.dynamics[wildcards.protocol].starts
    if not starts.system:
        return {}
    split = {} if starts.set == "all" else {"split": f"results/splits/{starts.system}.json"}
    return {"pool": f"results/pools/{starts.system}.extxyz", **split}


def simulated_labels(wildcards):
    return {run["curve"]: CONFIG.curves[run["curve"]].label for run in simulated_runs(wildcards)}


def simulated_looks(wildcards):
    return {run["curve"]: CONFIG.look_of(run["curve"]) for run in simulated_runs(wildcards)}


def protocol_text(name):
    """What a figure says of the simulations in it."""
    one = CONFIG.dynamics[name]
    ensemble = f"Langevin {one.friction:g}/ps" if one.ensemble == "nvt" else "constant energy"
    bonds = f", bonds within {one.bond_deviation:g}\u00a0Å" if one.bond_deviation else ""
    return (
        f"{one.replicas} simulations with each model, {one.temperature:g} K, {ensemble}, {one.length:g} ps, "
        f"step {one.timestep:g} fs; stable: no two atoms within {one.closest:g}\u00a0Å{bonds}"
    )


def simulated_panels(wildcards):
    return [{"label": one.label, "text": protocol_text(one.protocol)} for one in simulated_parts(wildcards.figure)]


def published_counts(wildcards):
    """What a paper found for the curves of a table, and at which values."""
    figure = CONFIG.figures[wildcards.figure]
    values = {curve: figure.values or CONFIG.curves[curve].values for curve in figure.published}
    return {"counts": figure.published, "of": figure.published_of, "values": values}


def structure_layout(wildcards):
    """Training sizes, a row of panels for each, and what is drawn in all rows."""
    figure = CONFIG.figures[wildcards.figure]
    values = figure.values or sorted({value for curve in figure.curves for value in CONFIG.curves[curve].values})
    return {"values": values, "references": [one.model_dump() for one in figure.references]}


def structure_text(wildcards):
    (panel,) = simulated_panels(wildcards)
    return f"{panel['label']}: {panel['text']}" if panel["label"] else panel["text"]


def phonon_runs(wildcards):
    """Models of a figure of phonons, and the one they are compared with."""
    figure = CONFIG.figures[wildcards.figure]
    runs = runs_of(figure.curves, [figure.value])
    if one := figure.reference:
        runs += [run | {"curve": "(reference)"} for run in runs_of([one.curve], [one.value])]
    return runs


def phonon_labels(wildcards):
    figure = CONFIG.figures[wildcards.figure]
    labels = {curve: CONFIG.curves[curve].label for curve in figure.curves}
    labels["(level)"] = figure.level_label or figure.level
    return labels | {"(reference)": figure.reference.label if figure.reference else ""}


def phonon_level(wildcards):
    """The settings of the level that phonons are compared with; None if there is none."""
    if not (named := CONFIG.figures[wildcards.figure].level):
        return None
    system, _, level = named.partition(".")
    return CONFIG.systems[system].levels[level].model_dump()


def phonon_text(wildcards):
    figure = CONFIG.figures[wildcards.figure]
    cell = figure.crystal
    return (
        f"{cell.element}, {cell.lattice}, {cell.lattice_constant:g} Å, trained on {figure.value} "
        f"structure{'s' * (figure.value > 1)}; "
        f"{figure.supercell}×{figure.supercell}×{figure.supercell} cells, displacements {figure.displacement:g} Å"
    )


# --- figures

CLAIMS = "resources/claims.yaml"
AVERAGED = ("learning-curves", "epochs", "low-levels")  # kinds of figures that draw errors of curves on a test set
CURVES_DRAWN = (*AVERAGED, "box-plots")  # kinds of figures that draw errors of curves
COMPARED = ("comparison", "force-parity")  # kinds of figures that compare structure by structure


def figures_of_kind(*kinds):
    return [name for name, figure in CONFIG.figures.items() if figure.kind in kinds]


def figure_curves(figure):
    """Curves of a figure, with those that it draws only a line of."""
    drawn = CONFIG.figures[figure]
    return list(dict.fromkeys([*drawn.curves, *(one.curve for one in getattr(drawn, "references", []))]))


def figure_predictions(wildcards):
    """Predictions of a figure's curves; the pool too where structures are chosen or grouped by what is known of them."""
    figure = CONFIG.figures[wildcards.figure]
    inputs = {"predictions": [f"results/predictions/{curve}.npz" for curve in figure_curves(wildcards.figure)]}
    if getattr(figure, "only", None) or getattr(figure, "key", None):
        inputs["pool"] = f"results/pools/{figure_target(wildcards)[0]}.extxyz"
    return inputs


def figure_style(wildcards):
    """The section `plot`, with the figure's own error if it has one."""
    style = CONFIG.plot.model_dump(exclude={"colors"})
    error = CONFIG.figures[wildcards.figure].error
    return style | ({"error": error} if error else {})


def figure_models(wildcards):
    """Models of all curves of a figure, except foundation models as they are."""
    trained = [curve for curve in figure_curves(wildcards.figure) if CONFIG.recipes_of(curve)[0].stages]
    return [model for curve in trained for model in models_of(curve)]


def figure_labels(wildcards):
    return {curve: CONFIG.curves[curve].label for curve in figure_curves(wildcards.figure)}


def figure_looks(wildcards):
    return {curve: CONFIG.look_of(curve) for curve in figure_curves(wildcards.figure)}


def figure_target(wildcards):
    """The system and level that a figure's curves are tested against."""
    system, levels = CONFIG.target_of(CONFIG.figures[wildcards.figure].curves[0])
    return system, levels[0]


def tested_against(wildcards):
    return " at ".join(figure_target(wildcards))


def sizes_label(wildcards):
    return f"Training structures at {figure_target(wildcards)[1]}"


def figure_series(wildcards):
    """Label and colour of the model and the level that a figure compares."""
    figure = CONFIG.figures[wildcards.figure]
    return {
        "model": {"label": figure.model_label, "color": CONFIG.role_look(figure.role)["color"]},
        "level": {"label": figure.level_label, "color": CONFIG.role_look("level")["color"]},
    }


def compared_inputs(wildcards):
    """Labels at both levels and the model; the split too if the model was trained on structures of the system."""
    figure = CONFIG.figures[wildcards.figure]
    folder = f"results/labels/{figure.system}"
    inputs = {"reference": f"{folder}/{figure.reference}.extxyz", "level": f"{folder}/{figure.level}.extxyz"}
    parsed = recipe.parse(figure.model)
    inputs["model"] = model_file(figure.architecture, parsed, figure.seed)
    if any(stage.system == figure.system for stage in parsed.stages):
        inputs["split"] = f"results/splits/{figure.system}.json"
    return inputs


def low_levels(wildcards):
    """The level of each curve of a figure that starts with another level of the system tested."""
    levels = {curve: CONFIG.low_level(curve) for curve in CONFIG.figures[wildcards.figure].curves}
    return {curve: level for curve, level in levels.items() if level}


def low_level_inputs(wildcards):
    """Labels at the level tested against, then at the low levels."""
    system, high = figure_target(wildcards)
    return [
        f"results/labels/{system}/{level}.extxyz" for level in dict.fromkeys([high, *low_levels(wildcards).values()])
    ]


def caption(wildcards):
    """What the report says of a figure: its scale, curves with sizes, epochs and seeds, and its note."""
    figure = CONFIG.figures[wildcards.figure]
    values = {}
    if figure.kind in CURVES_DRAWN:
        values = {name: CONFIG.curves[name].values for name in figure_curves(wildcards.figure)}
    elif figure.kind in (*SIMULATED, "phonons"):
        runs = phonon_runs(wildcards) if figure.kind == "phonons" else simulated_runs(wildcards)
        names = {run["curve"] for run in runs} & CONFIG.curves.keys()
        values = {name: sorted({run["value"] for run in runs if run["curve"] == name}) for name in names}
    curves = [
        {"label": curve.label, "recipe": curve.recipe, "values": values[name], "seeds": len(CONFIG.seeds_of(name))}
        for name, curve in CONFIG.curves.items()
        if name in values
    ]
    compared = figure.model_dump(include={"system", "reference", "level", "model"})
    return {"scale": CONFIG.scale, "note": figure.note, "curves": curves} | compared


def report_category(wildcards):
    return CONFIG.figures[wildcards.figure].category


def figures_of_study(folder):
    """Figures of a study, named by its folder; simulations with models of the first paper are not among its figures."""
    names = [name for name in CONFIG.figures if study(name) == folder]
    return [name for name in names if folder or CONFIG.figures[name].kind not in SIMULATED]


def claimed_figures(wildcards):
    """Figures of a study with a table of errors that the paper claims something of."""
    with open(CLAIMS, encoding="utf-8") as file:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is
        claimed = {one["figure"] for one in yaml.load(file, loader)}
    with_errors = figures_of_kind(*CURVES_DRAWN, *COMPARED)
    return [name for name in figures_of_study(wildcards.study) if name in claimed and name in with_errors]


def claimed_tables(wildcards):
    return [f"results/errors/{name}.csv" for name in claimed_figures(wildcards)]


def one_of(names):
    """A wildcard constraint that matches only these names, and nothing if there are none."""
    return "|".join(names) or "(?!)"
