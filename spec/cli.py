"""`tonpo spec`: lint, bundle and compare the contract."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from spec.documents import ASYNCAPI_PATH, OPENAPI_PATH, ReferenceBroken
from spec.yaml_source import JsonObject, SourceError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(name="spec", context_settings={"help_option_names": ["-h", "--help"]})
def spec() -> None:
    """Lint, bundle and compare the contract documents."""


@spec.command(name="lint")
@click.argument("files", nargs=-1, type=_FILE)
def lint_command(files: tuple[Path, ...]) -> None:
    """Check the contract: FILES, or the packaged documents and their ledger.

    Prints one line for each broken rule: file, line, column, rule, what is wrong. Exits 0 when there is none, else 1.

    \b
    Example:
      tonpo spec lint spec/openapi.yaml spec/asyncapi.yaml spec/requirements.yaml
    """
    from spec.lint import PACKAGED, lint

    findings = lint(files or PACKAGED)
    for finding in findings:
        click.echo(str(finding))
    names = ", ".join(path.name for path in files or PACKAGED)
    click.echo(
        f"{len(findings)} findings in {names}" if findings else f"{names}: nothing to report", err=bool(findings)
    )
    sys.exit(1 if findings else 0)


@spec.command(name="bundle")
@click.argument("files", nargs=-1, type=_FILE)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to write to.")
@click.option("--format", "format_name", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@click.option("--core", is_flag=True, help="Only the core profile: leave every capability out.")
@click.option("--capability", "capabilities", multiple=True, metavar="NAME", help="Keep only these; may be repeated.")
def bundle_command(
    files: tuple[Path, ...], out: Path | None, format_name: str, core: bool, capabilities: tuple[str, ...]
) -> None:
    """Write each of FILES (by default both documents) as one file that refers to no other.

    Without --out, one document goes to the terminal.

    \b
    Example:
      tonpo spec bundle --out build/spec
    """
    from spec.bundle import bundle, render

    chosen = files or (OPENAPI_PATH, ASYNCAPI_PATH)
    if out is None and len(chosen) > 1:
        raise click.UsageError("several documents need a folder: add --out DIR, or name one file")
    try:
        documents = {path: bundle(path) for path in chosen}
        _refuse_unknown(capabilities, documents.values())
        if core or capabilities:
            documents = {path: bundle(path, capabilities) for path in chosen}
    except (SourceError, ReferenceBroken) as error:
        raise click.UsageError(str(error)) from error
    for path, document in documents.items():
        text = render(document, format_name)
        if out is None:
            click.echo(text, nl=False)
        else:
            _write(out / f"{path.stem}.{format_name}", text)


def _refuse_unknown(capabilities: tuple[str, ...], documents: Iterable[JsonObject]) -> None:
    from spec.narrowing import all_capabilities

    known = sorted(set().union(*(all_capabilities(document) for document in documents)))
    unknown = [name for name in capabilities if name not in known]
    if unknown:
        raise click.UsageError(f"no such capability: {', '.join(unknown)}. There are: {', '.join(known)}")


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{target} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {target}")


@spec.command(name="diff")
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
def diff_command(old: Path, new: Path) -> None:
    """Say which changes from OLD to NEW break clients and which break gateways.

    Exits 0 when none does, 1 when some do, 2 when the files cannot be compared. A line marked "caution" matters only to
    the strictest readers and does not count.

    \b
    Example:
      tonpo spec diff released/openapi.yaml spec/openapi.yaml
    """
    from spec.diff import Audience, KindsDiffer, diff_files

    try:
        changes = diff_files(old, new)
    except (SourceError, ReferenceBroken, KindsDiffer) as error:
        raise click.UsageError(str(error)) from error
    for audience in Audience:
        group = [change for change in changes if change.audience is audience]
        if not group:
            continue
        click.echo(f"{audience.value}:")
        for change in group:
            click.echo(f"  {'caution: ' if change.caution else ''}{change.place}: {change.message}")
    breaking = sum(change.is_breaking for change in changes)
    click.echo(f"{len(changes)} changes, {breaking} of them breaking" if changes else "no changes")
    sys.exit(1 if breaking else 0)
