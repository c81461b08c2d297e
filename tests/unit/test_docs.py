"""What the pages name is there: files of the project, modules, sections of other pages."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md")),
    *(page for folder in ("docs", "resources") for page in sorted((ROOT / folder).rglob("*.md"))),
]
FOLDERS = (
    "workflow",
    "mftl",
    "config",
    "studies",
    "docs",
    "resources",
    "tests",
    "benchmarks",
    "profiles",
    "slurm",
    "envs",
)
PLACEHOLDER = re.compile(r"<[^>]*>|…")
CODE = re.compile(r"```[\s\S]*?```|^ {4,}.*$", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def files_named(text: str) -> list[str]:
    """Words in backticks that look like a file or a folder of the project."""
    words = [word.strip(",;(){}[]") for quoted in re.findall(r"`([^`\n]+)`", text) for word in quoted.split()]
    return [
        word
        for word in words
        if ("/" in word and word.split("/")[0] in FOLDERS) or word in ("Snakefile", "Makefile", "config.yaml")
    ]


def modules_named(text: str) -> list[str]:
    """Modules of the library, or what is in one, in backticks or imported in an example."""
    quoted = re.findall(r"`(mftl(?:\.\w+)+)[`(]", text)
    imported = re.findall(r"^ *from (mftl[\w.]*) import ([\w, ]+)", text, re.MULTILINE)
    return quoted + [f"{module}.{name.split()[0]}" for module, names in imported for name in names.split(",")]


def exists(name: str, page: Path) -> bool:
    """Whether a file is there; ``mftl/`` lies in workflow/scripts, and placeholders stand for anything."""
    pattern = PLACEHOLDER.sub("*", name).rstrip("/")
    folder = ROOT / "workflow" / "scripts" if pattern.startswith("mftl/") else ROOT
    return any(True for base in (folder, page.parent) for _ in base.glob(pattern))


def is_there(module: str) -> bool:
    """Whether there is such a module, or a module with something of this name."""
    path = ROOT / "workflow" / "scripts" / Path(*module.split("."))
    if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file():
        return True
    sources = [one for one in (path.parent.with_suffix(".py"), path.parent / "__init__.py") if one.is_file()]
    defined = re.compile(rf"^(?:def|class) {path.name}\b|^{path.name}\b.*=", re.MULTILINE)
    return any(defined.search(one.read_text(encoding="utf-8")) for one in sources)


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.*)$", CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_files_that_a_page_names_exist(page):
    named = files_named(page.read_text(encoding="utf-8"))
    assert [name for name in named if not exists(name, page)] == []


@each_page
def test_modules_that_a_page_names_exist(page):
    assert [name for name in modules_named(page.read_text(encoding="utf-8")) if not is_there(name)] == []


@each_page
def test_links_lead_somewhere(page):
    broken = []
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"\w+:", link):
            continue  # of the web
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_once_in_the_navigation_of_the_site():
    navigation = yaml.safe_load((ROOT / "docs/site/navigation.yaml").read_text(encoding="utf-8"))
    entries = [page for headings in navigation.values() for pages in headings.values() for page in pages]
    assert sorted(entries) == sorted(str(page.relative_to(ROOT)) for page in PAGES)
    assert set(navigation) <= set(entries)


def test_what_is_not_there_is_noticed():
    text = "`mftl/config.py` `mftl.config.TbliteLevel` `config/paper.yaml` `workflow/rules/<phase>.smk` `tblite.py`"
    assert [name for name in files_named(text) if not exists(name, PAGES[0])] == ["mftl/config.py"]
    assert [name for name in modules_named(text) if not is_there(name)] == ["mftl.config.TbliteLevel"]
    assert "Δ-learning".lower() in anchors(ROOT / "docs/training.md")
