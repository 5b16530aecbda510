import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec.bundle import bundle, render
from spec.documents import (
    ReferenceBroken,
    SourceError,
    all_capabilities,
    bundle_asyncapi,
    bundle_openapi,
    load_asyncapi,
    load_openapi,
    narrow,
    resolve,
)
from spec.lint import lint
from spec.yaml_source import read_source, read_yaml

Edit = Callable[[str, str, str], Path]
PRINTABLE = st.characters(exclude_categories=["C", "Z"])


def test_yaml_scalars_follow_the_core_rules_of_1_2(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("200: on\na: 2020-01-01\nb: 012\nc: 1:30\nd: 1e3\ne: ~\nf: 0x1F\ng: true\nh: no\n", "utf-8")
    expected = {"200": "on", "a": "2020-01-01", "b": 12, "c": "1:30", "d": 1000.0, "e": None, "f": 31, "g": True}
    assert read_yaml(path) == {**expected, "h": "no"}


@settings(deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(PRINTABLE),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(PRINTABLE), inner),
        max_leaves=20,
    )
)
def test_json_is_read_as_itself(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    assert read_yaml(path) == value


def test_positions_count_from_one(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a:\n  - b: 1\n    c: 2\n", encoding="utf-8")
    source = read_source(path)
    assert (source.locate(("a", 0, "c")).line, source.locate(("a", 0, "c")).column) == (3, 5)
    assert source.locate(("a", 0, "absent")) == source.locate(("a", 0))


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(SourceError, match="nodes"):
        read_yaml(path)


def test_each_load_is_a_copy_of_its_own() -> None:
    load_openapi()["info"]["title"] = "changed"
    assert load_openapi()["info"]["title"] != "changed"


def test_references_are_followed_across_files(contract: Path) -> None:
    thing = load_openapi(contract / "openapi.yaml")
    stream = load_asyncapi(contract / "asyncapi.yaml")
    ref = "./openapi.yaml#/components/schemas/Thing"
    assert resolve(stream, ref, {"openapi.yaml": thing}) == thing["components"]["schemas"]["Thing"]
    assert resolve(stream, "#/channels/stream/messages/thing")["name"] == "thing"
    packaged = load_openapi()["components"]["schemas"]["Position"]
    assert resolve(stream, "./openapi.yaml#/components/schemas/Position") == packaged


@pytest.mark.parametrize("ref", ["#/components/schemas/No", "./other.yaml#/a", "#/info/title/x"])
def test_a_broken_reference_is_an_error_of_its_own(ref: str, contract: Path) -> None:
    with pytest.raises(ReferenceBroken):
        resolve(load_openapi(contract / "openapi.yaml"), ref)


def test_references_in_a_circle_are_broken() -> None:
    with pytest.raises(ReferenceBroken, match="itself"):
        resolve({"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}}, "#/a")


def test_a_bundle_refers_to_no_other_file(contract: Path) -> None:
    stream = bundle_asyncapi(contract / "asyncapi.yaml")
    assert "openapi.yaml" not in json.dumps(stream)
    assert stream["components"]["schemas"].keys() == {"Thing", "Deleted"}


@pytest.mark.parametrize("format_name", ["yaml", "json"])
@pytest.mark.parametrize("name", ["openapi.yaml", "asyncapi.yaml"])
def test_a_written_bundle_of_the_packaged_contract_is_sound(name: str, format_name: str, tmp_path: Path) -> None:
    from spec import documents

    source = Path(documents.__file__).parent / name
    path = tmp_path / f"bundle.{format_name}"
    path.write_text(render(bundle(source), format_name), encoding="utf-8")
    unused_here = {"component-unused", "error-reason-unused"}
    assert [str(one) for one in lint([path]) if one.rule not in unused_here] == []
    parsed = json.loads(path.read_text("utf-8")) if format_name == "json" else read_yaml(path)
    assert parsed == bundle(source) == bundle(path)


def test_narrowing_to_every_capability_changes_nothing() -> None:
    for document in (bundle_openapi(), bundle_asyncapi()):
        assert narrow(document, all_capabilities(document)) == document


def test_narrowing_leaves_the_original_alone() -> None:
    document = load_openapi()
    narrow(document, [])
    assert document == load_openapi()


def test_narrowing_to_core_removes_what_belongs_to_capabilities(contract: Path) -> None:
    core = narrow(load_openapi(contract / "openapi.yaml"), [])
    schemas = core["components"]["schemas"]
    assert core["paths"]["/things/{id}"].keys() == {"get"}
    assert schemas.keys() == {"Thing", "Error"}
    assert schemas["Thing"]["properties"].keys() == {"name", "size", "hue"}
    assert schemas["Thing"]["properties"]["hue"]["enum"] == ["red"]
    assert schemas["Error"]["properties"]["reason"]["x-known-values"] == ["thing_not_found"]


def test_narrowing_removes_messages_and_what_only_they_need(contract: Path) -> None:
    core = narrow(bundle_asyncapi(contract / "asyncapi.yaml"), [])
    assert core["channels"]["stream"]["messages"].keys() == {"thing"}
    assert core["operations"]["sendThings"]["messages"] == [{"$ref": "#/channels/stream/messages/thing"}]
    assert core["components"]["schemas"].keys() == {"Thing"}


def test_a_required_field_of_a_capability_is_no_longer_required(contract: Path, edit: Edit) -> None:
    path = edit("openapi.yaml", "required: [name]", "required: [name, deletable]")
    core, full = narrow(load_openapi(path), []), narrow(load_openapi(path), ["deletion"])
    assert core["components"]["schemas"]["Thing"]["required"] == ["name"]
    assert full["components"]["schemas"]["Thing"]["required"] == ["name", "deletable"]


@settings(deadline=None, max_examples=25)
@given(st.sets(st.sampled_from(sorted(all_capabilities(load_openapi()) | all_capabilities(load_asyncapi())))))
def test_every_narrowed_contract_has_only_sound_references_and_claimed_capabilities(claimed: set[str]) -> None:
    for document in (load_openapi(), bundle_asyncapi()):
        narrowed = narrow(document, claimed)
        assert all_capabilities(narrowed) <= claimed
        for ref in references(narrowed):
            resolve(narrowed, ref)


def references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(references(value) for value in node))
    return set()


def test_the_narrowed_packaged_contract_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "openapi.yaml"
    path.write_text(render(narrow(load_openapi(), []), "yaml"), encoding="utf-8")
    used_by_the_stream = {"component-unused", "error-reason-unused"}
    assert [str(one) for one in lint([path]) if one.rule not in used_by_the_stream] == []
