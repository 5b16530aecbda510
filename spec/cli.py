"""`tonpo spec`: lint, bundle and compare the contract."""

import sys
from pathlib import Path

import click

from spec.documents import OPENAPI_PATH, ReferenceBroken
from spec.yaml_source import SourceError

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
@click.argument("file", type=_FILE, default=OPENAPI_PATH)
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File to write; else the terminal."
)
@click.option("--format", "format_name", type=click.Choice(["yaml", "json"]), help="Else as the output's name says.")
@click.option("--core", is_flag=True, help="Only the core profile: leave every capability out.")
@click.option("--capability", "capabilities", multiple=True, metavar="NAME", help="Keep only these; may be repeated.")
def bundle_command(
    file: Path, output: Path | None, format_name: str | None, core: bool, capabilities: tuple[str, ...]
) -> None:
    """Write FILE (by default the OpenAPI document) as one file that refers to no other.

    \b
    Example:
      tonpo spec bundle spec/asyncapi.yaml --output build/asyncapi.json
    """
    from spec.bundle import bundle, render
    from spec.narrowing import all_capabilities

    try:
        document = bundle(file)
        unknown = sorted(set(capabilities) - all_capabilities(document))
        if unknown:
            known = ", ".join(sorted(all_capabilities(document)))
            raise click.UsageError(f"no such capability: {', '.join(unknown)}. The document has: {known}")
        if core or capabilities:
            document = bundle(file, capabilities)
    except (SourceError, ReferenceBroken) as error:
        raise click.UsageError(str(error)) from error
    chosen = format_name or ("json" if output is not None and output.suffix == ".json" else "yaml")
    text = render(document, chosen)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {output}", err=True)


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
