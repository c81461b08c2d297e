"""Settings of Sphinx: the project's Markdown, as it stands, becomes the pages of a site (`make docs`).

The folder of sources is that of the project, so that links between README.md, docs/ and resources/ hold on the site as
they do in the repository. Links to other files (config/defaults.yaml) lead to pages that show them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes
from sphinx.application import Sphinx

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NAVIGATION: dict[str, dict[str, list[str]]] = yaml.safe_load((HERE / "navigation.yaml").read_text(encoding="utf-8"))
PAGES = [page for headings in NAVIGATION.values() for pages in headings.values() for page in pages]
LANGUAGES = {".yaml": "yaml", ".py": "python", ".bib": "bibtex", ".json": "json"}

project = "mftl"
html_title = "mftl"
language = "en"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = PAGES
# results and environments are large: not even looked into
exclude_patterns = [path.name for path in ROOT.iterdir() if path.name not in {page.split("/")[0] for page in PAGES}]

myst_heading_anchors = 4  # GitHub's anchors
highlight_language = "none"  # of indented code
html_theme = "furo"
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_extra_path = ["index.html"]
html_copy_source = False
html_use_index = False
html_show_copyright = False
html_scaled_image_link = True

shown: set[Path] = set()  # files and folders outside the pages that a page links to


def add_navigation(app: Sphinx, docname: str, source: list[str]) -> None:
    """Append the table of contents, which GitHub would show as code, to the pages that have one."""
    for heading, pages in NAVIGATION.get(f"{docname}.md", {}).items():
        entries = ["Overview <self>" if page == f"{docname}.md" else f"/{page.removesuffix('.md')}" for page in pages]
        options = [":hidden:", *([f":caption: {heading}"] if docname == root_doc else [])]
        source[0] += "\n\n" + "\n".join(["```{toctree}", *options, "", *entries, "```"]) + "\n"


def mend_nodes(app: Sphinx, doctree: nodes.document) -> None:
    """Let links to files and folders lead to pages that show them, and images fill the width and open alone."""
    for image in doctree.findall(nodes.image):
        image["width"] = "100%"
    docname = app.env.docname
    for link in [*doctree.findall(addnodes.download_reference), *doctree.findall(addnodes.pending_xref)]:
        path = Path(app.env.relfn2path(link["reftarget"], docname)[1])
        if link.get("refdomain") or not path.exists() or path == ROOT:
            continue  # to a page, or broken, which Sphinx reports
        shown.add(path)
        uri = app.builder.get_relative_uri(docname, page_of(path))
        link.replace_self(nodes.reference("", "", *link.children, refuri=uri, internal=True))


def page_of(path: Path) -> str:
    """Name of the page that shows a file or folder of the project."""
    return f"files/{path.relative_to(ROOT).as_posix()}"


def pages_of_files(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Pages that show files, which the search finds too, and those that list folders."""
    files = {path for path in shown if path.is_file()}
    for folder in shown - files:
        inside = sorted(path for path in folder.iterdir() if path.is_file())
        files.update(inside)
        links = [nodes.reference("", path.name, refuri=f"{folder.name}/{path.name}.html") for path in inside]
        yield page(
            app, folder, nodes.bullet_list("", *(nodes.list_item("", nodes.paragraph("", "", a)) for a in links))
        )
    for path in sorted(files):
        text = path.read_text(encoding="utf-8")
        language = "python" if path.name == "Snakefile" else LANGUAGES.get(path.suffix, "none")
        yield page(app, path, nodes.literal_block(text, text, language=language, classes=["whole-file"]))


def page(app: Sphinx, path: Path, body: nodes.Node) -> tuple[str, dict[str, Any], str]:
    """Name, context and template of a page with the path as its title."""
    title = path.relative_to(ROOT).as_posix()
    section = nodes.section("", nodes.title("", title), body, ids=["file"])
    document = new_document(title)
    document += section
    app.builder.index_page(page_of(path), document, title)
    app.env.all_docs[page_of(path)], app.env.titles[page_of(path)] = 0, section[0]  # the search keeps known pages only
    return page_of(path), {"title": title, "body": app.builder.render_partial(section)["fragment"]}, "page.html"


def setup(app: Sphinx) -> None:
    """Connect the functions above; links are mended before Sphinx collects downloads."""
    app.connect("source-read", add_navigation)
    app.connect("doctree-read", mend_nodes, priority=100)
    app.connect("html-collect-pages", pages_of_files)
