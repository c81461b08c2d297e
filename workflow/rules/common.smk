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


def foundation_model(name):
    """The file of a foundation model: the user's, or a copy of what was downloaded."""
    model = CONFIG.foundation_models[name]
    return model if isinstance(model, str) else f"results/foundation_models/{model.download}.model"


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
    if level.first and not level.only:
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
    """The pool and the files that the engine reads. Says here, before any job runs, if the engine cannot label it."""
    system, level = CONFIG.systems[wildcards.system], level_of(wildcards)
    inputs = {"pool": f"results/pools/{wildcards.system}.extxyz", "files": []}
    # finished labels stay usable on a machine that has no engine
    finished = Path(f"results/labels/{wildcards.system}/{wildcards.level}/{chunk_name(wildcards)}.csv").exists()
    engine, key = engines.engine(level.engine), f"systems.{wildcards.system}.levels.{wildcards.level}"
    # --sdm conda brings the engine, for the job alone
    if not finished and not USES_CONDA and (missing := engine.installed(level)):
        raise WorkflowError(f"{key}.engine: {level.engine} is not installed. To install it: {missing}")
    if not finished and (refusal := engines.refusal(level, system.elements, checks.first_periodic(system))):
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
    own = {key: settings[key] for key in ("first", "only")}
    return own | ({"file": f"results/datasets/{wildcards.system}.extxyz"} if hasattr(level, "dataset") else {})


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
        inputs["parent"] = foundation_model(parent.foundation)
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
