"""The help that a reader may ask for, level by level.

Level 1 is the hint of the first step that does not hold, and needs no text of its own.
Levels 2 and 3 belong to the exercise, whatever the answer: its file names them `HELP`.
"""

from dataclasses import dataclass

LEVELS = (1, 2, 3)


@dataclass(frozen=True, kw_only=True)
class Help:
    """What an exercise says to whoever is stuck: words and numbers, never code.

    Attributes:
        read: The title of the chapter's section where the idea stands (level 2).
        ask: The question to ask oneself, or what to try on paper (level 2).
        idea: The idea worked by hand, in other numbers than the check's (level 3).
    """

    read: str
    ask: str
    idea: str
