# Written by typings/generate.py; do not edit.
# ruff: noqa
# fmt: off
# mypy: disable-error-code="override, misc"
import builtins
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypedDict, TypeVar, Unpack, overload

import cairo

_T = TypeVar("_T")
from gi.repository import GObject


class ImplementorIface(GObject.GInterface): ...

class Object(GObject.Object):
    def bind_property(self, source_property: str, target: GObject.Object, target_property: str, flags: GObject.BindingFlags) -> GObject.Binding: ...
    def find_property(self, property_name: str) -> GObject.ParamSpec: ...
    def get_data(self, key: str) -> Any: ...
    def get_description(self) -> str: ...
    def get_name(self) -> str: ...
    def get_parent(self) -> Object: ...
    def get_property(self, property_name: str, value: Any) -> None: ...
    def notify(self, property_name: str) -> None: ...
    def ref(self) -> GObject.Object: ...
    def set_description(self, description: str) -> None: ...
    def set_name(self, name: str) -> None: ...
    def set_property(self, property_name: str, value: Any) -> None: ...
    def set_role(self, role: Role) -> None: ...

class Role(GObject.GEnum):
    INVALID: ClassVar[Role]
    ACCELERATOR_LABEL: ClassVar[Role]
    ALERT: ClassVar[Role]
    ANIMATION: ClassVar[Role]
    ARROW: ClassVar[Role]
    CALENDAR: ClassVar[Role]
    CANVAS: ClassVar[Role]
    CHECK_BOX: ClassVar[Role]
    CHECK_MENU_ITEM: ClassVar[Role]
    COLOR_CHOOSER: ClassVar[Role]
    COLUMN_HEADER: ClassVar[Role]
    COMBO_BOX: ClassVar[Role]
    DATE_EDITOR: ClassVar[Role]
    DESKTOP_ICON: ClassVar[Role]
    DESKTOP_FRAME: ClassVar[Role]
    DIAL: ClassVar[Role]
    DIALOG: ClassVar[Role]
    DIRECTORY_PANE: ClassVar[Role]
    DRAWING_AREA: ClassVar[Role]
    FILE_CHOOSER: ClassVar[Role]
    FILLER: ClassVar[Role]
    FONT_CHOOSER: ClassVar[Role]
    FRAME: ClassVar[Role]
    GLASS_PANE: ClassVar[Role]
    HTML_CONTAINER: ClassVar[Role]
    ICON: ClassVar[Role]
    IMAGE: ClassVar[Role]
    INTERNAL_FRAME: ClassVar[Role]
    LABEL: ClassVar[Role]
    LAYERED_PANE: ClassVar[Role]
    LIST: ClassVar[Role]
    LIST_ITEM: ClassVar[Role]
    MENU: ClassVar[Role]
    MENU_BAR: ClassVar[Role]
    MENU_ITEM: ClassVar[Role]
    OPTION_PANE: ClassVar[Role]
    PAGE_TAB: ClassVar[Role]
    PAGE_TAB_LIST: ClassVar[Role]
    PANEL: ClassVar[Role]
    PASSWORD_TEXT: ClassVar[Role]
    POPUP_MENU: ClassVar[Role]
    PROGRESS_BAR: ClassVar[Role]
    BUTTON: ClassVar[Role]
    RADIO_BUTTON: ClassVar[Role]
    RADIO_MENU_ITEM: ClassVar[Role]
    ROOT_PANE: ClassVar[Role]
    ROW_HEADER: ClassVar[Role]
    SCROLL_BAR: ClassVar[Role]
    SCROLL_PANE: ClassVar[Role]
    SEPARATOR: ClassVar[Role]
    SLIDER: ClassVar[Role]
    SPLIT_PANE: ClassVar[Role]
    SPIN_BUTTON: ClassVar[Role]
    STATUSBAR: ClassVar[Role]
    TABLE: ClassVar[Role]
    TABLE_CELL: ClassVar[Role]
    TABLE_COLUMN_HEADER: ClassVar[Role]
    TABLE_ROW_HEADER: ClassVar[Role]
    TEAR_OFF_MENU_ITEM: ClassVar[Role]
    TERMINAL: ClassVar[Role]
    TEXT: ClassVar[Role]
    TOGGLE_BUTTON: ClassVar[Role]
    TOOL_BAR: ClassVar[Role]
    TOOL_TIP: ClassVar[Role]
    TREE: ClassVar[Role]
    TREE_TABLE: ClassVar[Role]
    UNKNOWN: ClassVar[Role]
    VIEWPORT: ClassVar[Role]
    WINDOW: ClassVar[Role]
    HEADER: ClassVar[Role]
    FOOTER: ClassVar[Role]
    PARAGRAPH: ClassVar[Role]
    RULER: ClassVar[Role]
    APPLICATION: ClassVar[Role]
    AUTOCOMPLETE: ClassVar[Role]
    EDIT_BAR: ClassVar[Role]
    EMBEDDED: ClassVar[Role]
    ENTRY: ClassVar[Role]
    CHART: ClassVar[Role]
    CAPTION: ClassVar[Role]
    DOCUMENT_FRAME: ClassVar[Role]
    HEADING: ClassVar[Role]
    PAGE: ClassVar[Role]
    SECTION: ClassVar[Role]
    REDUNDANT_OBJECT: ClassVar[Role]
    FORM: ClassVar[Role]
    LINK: ClassVar[Role]
    INPUT_METHOD_WINDOW: ClassVar[Role]
    TABLE_ROW: ClassVar[Role]
    TREE_ITEM: ClassVar[Role]
    DOCUMENT_SPREADSHEET: ClassVar[Role]
    DOCUMENT_PRESENTATION: ClassVar[Role]
    DOCUMENT_TEXT: ClassVar[Role]
    DOCUMENT_WEB: ClassVar[Role]
    DOCUMENT_EMAIL: ClassVar[Role]
    COMMENT: ClassVar[Role]
    LIST_BOX: ClassVar[Role]
    GROUPING: ClassVar[Role]
    IMAGE_MAP: ClassVar[Role]
    NOTIFICATION: ClassVar[Role]
    INFO_BAR: ClassVar[Role]
    LEVEL_BAR: ClassVar[Role]
    TITLE_BAR: ClassVar[Role]
    BLOCK_QUOTE: ClassVar[Role]
    AUDIO: ClassVar[Role]
    VIDEO: ClassVar[Role]
    DEFINITION: ClassVar[Role]
    ARTICLE: ClassVar[Role]
    LANDMARK: ClassVar[Role]
    LOG: ClassVar[Role]
    MARQUEE: ClassVar[Role]
    MATH: ClassVar[Role]
    RATING: ClassVar[Role]
    TIMER: ClassVar[Role]
    DESCRIPTION_LIST: ClassVar[Role]
    DESCRIPTION_TERM: ClassVar[Role]
    DESCRIPTION_VALUE: ClassVar[Role]
    STATIC: ClassVar[Role]
    MATH_FRACTION: ClassVar[Role]
    MATH_ROOT: ClassVar[Role]
    SUBSCRIPT: ClassVar[Role]
    SUPERSCRIPT: ClassVar[Role]
    FOOTNOTE: ClassVar[Role]
    CONTENT_DELETION: ClassVar[Role]
    CONTENT_INSERTION: ClassVar[Role]
    MARK: ClassVar[Role]
    SUGGESTION: ClassVar[Role]
    PUSH_BUTTON_MENU: ClassVar[Role]
    SWITCH: ClassVar[Role]
    LAST_DEFINED: ClassVar[Role]
    PUSH_BUTTON: ClassVar[Role]
