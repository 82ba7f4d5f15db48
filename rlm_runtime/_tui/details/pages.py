"""The pages, in the order of their numbers."""

from __future__ import annotations

from rlm_runtime._tui.details.answer_page import ANSWER
from rlm_runtime._tui.details.calls_page import CALLS
from rlm_runtime._tui.details.code_page import CODE
from rlm_runtime._tui.details.context_page import CONTEXT
from rlm_runtime._tui.details.error_page import ERROR
from rlm_runtime._tui.details.messages_page import MESSAGES
from rlm_runtime._tui.details.moment_page import NOW
from rlm_runtime._tui.details.output_page import OUTPUT
from rlm_runtime._tui.details.page import Page
from rlm_runtime._tui.details.usage_page import USAGE
from rlm_runtime._tui.details.variables_page import VARIABLES

PAGES: tuple[Page, ...] = (
    NOW,
    CODE,
    OUTPUT,
    MESSAGES,
    CALLS,
    ANSWER,
    USAGE,
    ERROR,
    VARIABLES,
    CONTEXT,
)
