"""`tonpo spec lint`: the contract and its ledger are whole, sound and described."""

from collections.abc import Sequence
from pathlib import Path

from spec.documents import ASYNCAPI_PATH, OPENAPI_PATH, REQUIREMENTS_PATH
from spec.lint import asyncapi, openapi
from spec.lint.finding import Finding, Say, reporter
from spec.lint.ledger import check_ledger
from spec.lint.project import Project
from spec.lint.references import check_references, check_unused
from spec.yaml_source import Source, SourceError

__all__ = ["PACKAGED", "Finding", "lint"]

PACKAGED = (OPENAPI_PATH, ASYNCAPI_PATH, REQUIREMENTS_PATH)


def lint(paths: Sequence[Path] = PACKAGED) -> list[Finding]:
    """Check documents together and return what is wrong, in order of file and line.

    The kind of each is seen from its first key: `openapi`, `asyncapi` or `requirements`.
    """
    findings: list[Finding] = []
    project = Project()
    sources: list[Source] = []
    for path in paths:
        try:
            sources.append(project.read(path))
        except SourceError as error:
            findings.append(Finding(path, error.position.line, error.position.column, error.rule, error.message))
    for source in sources:
        _lint_source(project, source, findings)
    return sorted(set(findings))


def _lint_source(project: Project, source: Source, findings: list[Finding]) -> None:
    say = reporter(source, findings)
    for duplicate in source.duplicates:
        place = duplicate.position
        message = f"the key {duplicate.key} is written twice"
        findings.append(Finding(source.path, place.line, place.column, "key-duplicate", message))
    try:
        _lint_document(project, source, say)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        say((), "document", "a part has a shape so different from the standard's that the rest cannot be checked")


def _lint_document(project: Project, source: Source, say: Say) -> None:
    data = source.data if isinstance(source.data, dict) else {}
    if "openapi" in data:
        if check_references(project, source, say):
            openapi.check_standard(source, say)
        openapi.OpenApiLint(project, source, say).run()
        check_unused(project, source, say)
    elif "asyncapi" in data:
        check_references(project, source, say)
        asyncapi.check_standard(source, say)
        asyncapi.AsyncApiLint(project, source, say).run()
        check_unused(project, source, say)
    elif "requirements" in data:
        check_ledger(project, source, say)
    else:
        say((), "document", "the first key must be one of openapi, asyncapi, requirements")
