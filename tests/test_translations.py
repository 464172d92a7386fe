"""What a person reads: all of it is found, all of it is translated, and no translation says something else."""

import ast
import re
import shutil
import symtable
import textwrap
from gettext import GNUTranslations

import pytest
from babel.messages.catalog import Message

from . import translations

# In the plug-in's files, what looks like words: a capital with small letters after it, or two words in a row.
LIKE_WORDS = re.compile(r"(?<![A-Za-z])_?[A-Z]_?[a-z][a-z_]+\b|[A-Za-z]{2,} [A-Za-z]{2,}")
# What these functions are given and these names stand for is the same in all languages: GTK's names of keys, say.
SAME_IN_ALL = (
    *("require_version", "set_attribution", "add_menu_path", "MENU", "AUTHOR"),
    *("compile", "COMMANDS"),
    *("ZOOM_KEYS", "SLIDER_KEYS", "ARROW_KEYS", "POINT_KEYS"),
)
FILES = dict(translations.sources())
PLUG_IN = [name for name in FILES if name.startswith("gimp_plugin/")]


def texts(source: str) -> set[object]:
    found = translations.read(ast.parse(textwrap.dedent(source)))
    return {tuple(getattr(part, "value", None) for part in given) for given in found}


# -- what is found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("_('Fast')", {("Fast",)}),
        ("ngettext('{n} click', '{n} clicks', n)", {("{n} click", "{n} clicks")}),
        ("tr('It is {what}.', what='not me')", {("It is {what}.",)}),
        ("raise UserError('no-model', 'It is gone.', 'Fetch it.')", {("It is gone.",), ("Fetch it.",)}),
        ("UserError('no-model', tr('{x} is gone.', x=x))", {("{x} is gone.",), (None,)}),
        ("monitor.report(0.5, 'Painting' if new else 'Again')", {("Painting",), ("Again",)}),
        ("UserError('a', 'One.', other or 'Two.')", {("One.",), ("Two.",), (None,)}),
        ("HINT = 'Look.'\ndef f():\n  raise UserError('a', HINT)", {("Look.",)}),
        ("word: str = 'Waiting'\non_progress(0, word)", {("Waiting",)}),
        ("TITLES = {'fill': 'Fill'}", {("Fill",)}),
        ("print('Not for a person in GIMP')", set()),
        ("window.say('What is already translated')", set()),
    ],
)
def test_what_a_person_will_read_is_found(source, found):
    assert texts(source) == found


def test_the_template_has_words_of_every_kind():
    template = translations.template()
    for known in ("Fill", "_Prompt", "Cancelled.", "LaMa, large", "Painting", "Starting the inference server…"):
        assert known in template
    assert "Give --click X,Y (or --box, --text, --like, --scene, --distractions or --mask)." not in template, (
        "the command line speaks English"
    )


# -- what the sources must keep to


@pytest.mark.parametrize("name", FILES)
def test_what_is_read_is_never_put_together_before_it_is_translated(name):
    for given in translations.read(FILES[name]):
        for part in given:
            glued = isinstance(part, ast.JoinedStr | ast.BinOp) or (
                isinstance(part, ast.Call) and translations.called(part) in (".format", ".join", "str")
            )
            assert not glued, f"line {part.lineno}: say(template, name=value) can be translated"


@pytest.mark.parametrize("name", FILES)
def test_every_name_in_braces_gets_its_value(name):
    for call in ast.walk(FILES[name]):
        if isinstance(call, ast.Call) and translations.called(call) == "say" and not call.args[1:]:
            template = call.args[0].args[-1] if isinstance(call.args[0], ast.Call) else call.args[0]
            given = {keyword.arg for keyword in call.keywords}
            if isinstance(template, ast.Constant) and None not in given:  # with ** they are known only as it runs
                assert given == set(re.findall(r"\{(\w+)\}", template.value)), f"line {call.lineno}"


@pytest.mark.parametrize("name", PLUG_IN)
def test_no_words_of_the_plug_in_are_left_out(name):
    tree = FILES[name]
    fine = {id(inside) for given in translations.read(tree) for part in given for inside in ast.walk(part)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):  # docstrings
            fine.add(id(node.value))
        elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            fine |= {id(inside) for inside in ast.walk(node.annotation)}
        elif isinstance(node, ast.FunctionDef) and node.returns:
            fine |= {id(inside) for inside in ast.walk(node.returns)}
        elif isinstance(node, ast.Call) and translations.called(node).removeprefix(".") in SAME_IN_ALL:
            fine |= {id(argument) for argument in node.args}
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in SAME_IN_ALL:
            fine |= {id(inside) for inside in ast.walk(node.value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in fine:
            assert not LIKE_WORDS.search(node.value), f"line {node.lineno}: {node.value!r} is not translated"


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("gimp_plugin/")])
def test_the_translating_function_is_not_hidden_where_it_is_called(name):
    """An underscore for what is not needed makes it a local variable of the whole function."""
    tables = [symtable.symtable((translations.REPOSITORY / name).read_text("utf-8"), name, "exec")]
    for table in tables:
        tables += table.get_children()
        if table.get_type() == "function" and "_" in table.get_identifiers():
            underscore = table.lookup("_")
            used = (underscore.is_local() and underscore.is_referenced()) or underscore.is_free()
            assert not used, f"line {table.get_lineno()}"


# -- the catalogues


def test_the_catalogues_are_those_of_the_sources():
    assert not [problem for problem in translations.check() if ": untranslated: " not in problem]


@pytest.mark.parametrize("language", translations.COMPLETE)
def test_everything_is_translated(language):
    assert not list(translations.problems(language, translations.template()))


@pytest.mark.parametrize(
    ("original", "translation", "faults"),
    [
        ("Run: {command}", "Ausführen: {command}", []),
        ("Run: {command}", "Ausführen: {befehl}", ["other names in braces"]),
        ("Run: {command}", "Ausführen", ["other names in braces"]),
        ("_Remove…", "_Entfernen…", []),
        ("_Remove…", "Entfernen…", ["not as many underlines"]),
        ("_Remove…", "_Entfer_nen…", ["not as many underlines"]),
        ("_Remove…", "_Entfernen...", ["not as many ellipses"]),
        (("{n} click", "{n} clicks"), ("{n} Klick", "{n} Klicks"), []),
        (("{n} click", "{n} clicks"), ("ein Klick", "{n} Klicks"), ["other names in braces"]),
    ],
)
def test_a_translation_that_says_something_else_is_caught(original, translation, faults):
    assert list(translations.faults(Message(original, translation))) == faults


def test_a_plural_that_is_not_translated_stays_with_the_plug_in_which_knows_both_forms(tmp_path, monkeypatch):
    monkeypatch.setattr(translations, "LOCALE", tmp_path)
    monkeypatch.setattr(
        translations, "sources", lambda: [("a.py", ast.parse("ngettext('{n} click', '{n} clicks', n)"))]
    )
    translations.update(["vi"])
    with (tmp_path / "vi" / "LC_MESSAGES" / "inpaint-anything.mo").open("rb") as file:
        assert GNUTranslations(file).ngettext("{n} click", "{n} clicks", 2) == "{n} clicks"
    assert list(translations.problems("vi", translations.template())) == ["untranslated: '{n} click'"]


@pytest.fixture(scope="module")
def whole_german(tmp_path_factory):
    """A folder of catalogues with German in it, all translated."""
    folder = tmp_path_factory.mktemp("catalogues")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(translations, "LOCALE", folder)
        translations.update(["de"])
        catalog = translations.catalogue("de")
        for message in catalog:
            if message.id:
                message.string = message.id
        (folder / "de" / "LC_MESSAGES" / "inpaint-anything.po").write_bytes(translations._text(catalog))
        translations.update([])
    return folder


@pytest.fixture
def german(whole_german, tmp_path, monkeypatch):
    """The file of the German translations in a folder of this test's own."""
    monkeypatch.setattr(translations, "LOCALE", tmp_path)
    shutil.copytree(whole_german, tmp_path, dirs_exist_ok=True)
    return tmp_path / "de" / "LC_MESSAGES" / "inpaint-anything.po"


def german_problems() -> list[str]:
    return [problem.split(":")[0] for problem in translations.problems("de", translations.template())]


def test_a_whole_catalogue_has_no_problems_and_is_what_the_plug_in_reads(german):
    assert german_problems() == [] and translations.untranslated("de") == 0
    with german.with_suffix(".mo").open("rb") as file:
        assert GNUTranslations(file).gettext("Fill") == "Fill"
    before = german.read_bytes(), german.with_suffix(".mo").read_bytes()
    translations.update([])
    assert before == (german.read_bytes(), german.with_suffix(".mo").read_bytes()), "nothing to do, nothing done"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('msgstr "Painting"', 'msgstr ""'), "untranslated"),
        (('msgid "Painting"', '#, fuzzy\nmsgid "Painting"'), "fuzzy"),
        (('msgid "Painting"', 'msgid "Drawing"'), "obsolete (run install.py translations)"),
        (('msgid "Painting"', 'msgid "Drawing"'), "not in the catalogue (run install.py translations)"),
        (('msgstr "Painting"', 'msgstr "Malen"'), "the .mo is not of this .po (run install.py translations)"),
        (('msgstr "Painting"', 'msgstr "{what}"'), "other names in braces"),
    ],
)
def test_each_problem_of_a_catalogue_is_said(german, change, problem):
    text = german.read_text("utf-8")
    assert change[0] in text
    german.write_text(text.replace(*change), "utf-8")
    assert problem in german_problems()


def test_a_new_sentence_is_added_untranslated_and_an_old_one_goes(german):
    text = german.read_text("utf-8")
    german.write_text(text.replace('msgid "Painting"', 'msgid "Paintings"'), "utf-8")
    translations.update([])
    assert german_problems() == ["untranslated"] and translations.untranslated("de") == 1
    assert "Paintings" not in translations.catalogue("de"), "what resembles a sentence is not taken for its translation"
