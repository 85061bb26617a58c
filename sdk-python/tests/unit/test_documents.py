"""
What the documents sign and describe is there: each method with its parameters and defaults, each answer with its
fields.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, List

import documents
import fastvm
import pytest
from documents import ASYNC, REFERENCE, Signature, blocks_of, has_field, lines_of, signatures_of, tables_of
from fastvm import types

REFERENCE_CALLS = signatures_of(REFERENCE)
ASYNC_CALLS = signatures_of(ASYNC)


def test_all_of_the_documents_was_found() -> None:
    for document, blocks, calls, tables in ((REFERENCE, 11, 35, 21), (ASYNC, 16, 15, 8)):
        assert len(blocks_of(document)) == lines_of(document).count("python") == blocks
        assert len(signatures_of(document)) == calls
        assert len(tables_of(document)) == tables
    assert blocks_of(ASYNC)[10].code.endswith('result = await client.run(vm, "tmux capture-pane -t train -p")\nprint(result.stdout)\n')


def parameters_of(function: Any) -> "dict[str, inspect.Parameter]":
    return {name: each for name, each in inspect.signature(function).parameters.items() if name != "self"}


def check(call: Signature, function: Any) -> None:
    ours = parameters_of(function)
    names = [name for name, _ in call.parameters]
    assert [name for name in names if name not in ours] == []
    for name, default in call.parameters:
        if default:
            assert repr(ours[name].default) == repr(eval(default))
    for name in call.keyword_only:
        # `command` and its like by keyword alone, as it is written, for what stands before them is one thing.
        assert ours[name].kind is inspect.Parameter.KEYWORD_ONLY
    # And what ours asks for beyond that may be left out.
    assert [name for name, each in ours.items() if name not in names and each.default is inspect.Parameter.empty] == []


@pytest.mark.parametrize("call", REFERENCE_CALLS, ids=[call.path for call in REFERENCE_CALLS])
@pytest.mark.parametrize("client", [fastvm.FastvmClient, fastvm.AsyncFastvmClient])
def test_the_reference_is_as_it_is_signed(client: Any, call: Signature) -> None:
    target = client(api_key="k")
    for part in call.path.split(".")[1:]:
        target = getattr(target, part)
    check(call, target)


@pytest.mark.parametrize("call", ASYNC_CALLS, ids=[call.path for call in ASYNC_CALLS])
def test_the_flat_client_is_as_it_is_signed(call: Signature) -> None:
    if call.path == "FastVM":
        check(call, fastvm.FastVM)
        assert list(parameters_of(fastvm.FastVM)) == [name for name, _ in call.parameters]
        return
    method = getattr(fastvm.FastVM, call.path.split(".")[1])
    assert inspect.iscoroutinefunction(method)
    check(call, method)
    positional = [name for name, _ in call.parameters if name not in call.keyword_only]
    assert list(parameters_of(method))[: len(positional)] == positional


def fields_of(model: Any) -> List[str]:
    names = [field.name for field in dataclasses.fields(model)]
    return names + [name for name, value in vars(model).items() if isinstance(value, property)]


@pytest.mark.parametrize(("name", "rows"), tables_of(REFERENCE).items())
def test_answers_have_the_fields_of_the_reference(name: str, rows: List[str]) -> None:
    names = fields_of(getattr(types, name))
    assert [row for row in rows if not has_field(row, names)] == []


@pytest.mark.parametrize(("name", "rows"), tables_of(ASYNC).items())
def test_answers_have_the_fields_of_the_flat_document(name: str, rows: List[str]) -> None:
    names = fields_of(getattr(fastvm, name))
    assert [row for row in rows if not has_field(row, names)] == []


def test_a_field_that_is_not_there_is_noticed() -> None:
    assert not has_field("memory_mi_bint", ["memory_mi", "memory"])
    assert has_field("memory_mi_bint", ["memory_mi_b"])


def test_a_block_ends_where_words_begin() -> None:
    lines = ["python", "a = 1", "", "b = 2", "Words.", "", "c = 3"]
    assert documents.block_at("x", lines, 1).code == "a = 1\n\nb = 2\n"
    assert documents.block_at("x", ["python", "a = 1", "", "client.list()", "", "c = 3"], 1).code == "a = 1\n"
