# Functions of the rules: which inputs and which configuration values a job takes.

# --- labels

USES_CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method


def level_of(wildcards):
    return CONFIG.systems[wildcards.system].levels[wildcards.level]


def number_of_chunks(wildcards):
    """Chunks are cut from the pool; if its size is not known yet, one chunk holds all of it."""
    ids = checks.pool_ids(CONFIG.systems[wildcards.system])
    if ids is None:
        return 1
    level = level_of(wildcards)
    count = len(ids) if level.only or level.also else len(ids[: level.first])
    return -(-count // chunk_size(level))


def chunk_size(level):
    return level.chunk_size or CONFIG.labels.chunk_size


def chunk_range(wildcards):
    """Positions of a chunk in the pool: from, to (None: the end)."""
    size, chunk = chunk_size(level_of(wildcards)), int(wildcards.chunk)
    last = chunk + 1 == int(wildcards.chunks)
    return [chunk * size, None if last else (chunk + 1) * size]


def chunk_inputs(wildcards):
    """The pool and the files that the engine reads. Says here, before any job runs, if the engine cannot label it."""
    system, level = CONFIG.systems[wildcards.system], level_of(wildcards)
    inputs = {"pool": f"results/pools/{wildcards.system}.extxyz", "files": []}
    # finished labels stay usable on a machine that has no engine
    finished = Path(f"results/labels/{wildcards.system}/{wildcards.level}/{chunk_name(wildcards)}.csv").exists()
    engine, key = engines.engine(level.engine), f"systems.{wildcards.system}.levels.{wildcards.level}"
    # --sdm conda brings the engine, for the job alone
    if not finished and not USES_CONDA and (missing := engine.installed(level)):
        raise WorkflowError(f"{key}.engine: {level.engine} is not installed. To install it: {missing}")
    crystal, molecule = checks.first_periodic(system), checks.first_periodic(system, periodic=False)
    if not finished and (refusal := engines.refusal(level, system.elements, crystal, molecule)):
        raise WorkflowError(f"{key}: {refusal}")
    try:
        inputs["files"] = engine.files(level, system.elements)
    except InputError as error:
        if not finished:
            raise WorkflowError(f"{key}: {error}") from None
    return inputs


def chunk_name(wildcards):
    return f"chunk-{wildcards.chunk}-of-{wildcards.chunks}"


def label_inputs(wildcards):
    """The pool, and the chunks of its labels or the files that they come in."""
    level = level_of(wildcards)
    inputs = {"pool": f"results/pools/{wildcards.system}.extxyz"}
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
    return settings if hasattr(level, "file") else {key: settings[key] for key in ("first", "only", "also")}


# --- splits


def split_settings(wildcards):
    return CONFIG.systems[wildcards.system].split


# --- training: a stage without .e is trained, one with it is a snapshot of that training

STAGE = rf"{recipe.NAME}\.{recipe.LEVEL}\.n\d+"
MODE = r"(?:\.[a-z][a-z-]+)?"


def stage_of(wildcards):
    return recipe.parse(wildcards.recipe).last


def training_inputs(wildcards):
    """Labels at the stage's levels, the split, and the parent model."""
    parsed = recipe.parse(wildcards.recipe)
    stage, parent = parsed.last, parsed.parent
    inputs = {
        "labels": [f"results/labels/{stage.system}/{level}.extxyz" for level in stage.levels],
        "split": f"results/splits/{stage.system}.json",
    }
    if parent and parent.stages:
        inputs["parent"] = recipe.model_path(wildcards.architecture, parent, wildcards.seed)
    elif parent:
        inputs["parent"] = CONFIG.foundation_models[parent.foundation]
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


# --- prediction


def models_of(curve):
    """Models of a curve, in the order of (recipe, seed)."""
    return [
        recipe.model_path(CONFIG.curves[curve].architecture, one, seed)
        for one in CONFIG.recipes_of(curve)
        for seed in CONFIG.seeds_of(curve)
    ]


def curve_target(wildcards):
    """The stage whose labels a curve is tested against."""
    return CONFIG.recipes_of(wildcards.curve)[0].last


# --- figures


def figures_of_kind(kind):
    return [name for name, figure in CONFIG.figures.items() if figure.kind == kind]


def figure_models(wildcards):
    """Models of all curves of a figure."""
    return [model for curve in CONFIG.figures[wildcards.figure].curves for model in models_of(curve)]


def one_of(names):
    """A wildcard constraint that matches only these names, and nothing if there are none."""
    return "|".join(names) or "(?!)"
