"""New objects get their type by the directory, by its class, by its name, and by what the process asked for."""

import os

from tests.judge.stage import Stage, attempt, file_context, set_attribute

DOMAINS = "maker"
OBJECTS = "shelf note folder special asked refused"
RULES = """
(typetransition maker shelf file note)
(typetransition maker shelf dir folder)
(typetransition maker shelf file "special.txt" special)
(allow maker shelf (dir (getattr search write add_name)))
(allow maker note (file (create open write getattr)))
(allow maker special (file (create open write getattr)))
(allow maker asked (file (create open write getattr)))
(allow maker folder (dir (create getattr)))
(allow maker shelf (lnk_file (create getattr)))
(allow maker self (process (setfscreate)))
"""


def scenario(stage: Stage) -> None:
    stage.directory("shelf", "shelf")
    stage.run("maker", make, stage)


def make(stage: Stage) -> None:
    def create(path: str) -> str:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        return file_context(path)

    attempt("by class", create, "shelf/plain.txt", show=True)
    attempt("by name", create, "shelf/special.txt", show=True)
    attempt("directory", os.mkdir, "shelf/folder")
    attempt("its label", file_context, "shelf/folder", show=True)
    attempt("link, of the directory's type", os.symlink, "x", "shelf/link")
    attempt("its label", file_context, "shelf/link", show=True)
    attempt("named pipe, without rule", os.mkfifo, "shelf/pipe")
    set_attribute("fscreate", stage.object_context("asked"))
    attempt("asked for", create, "shelf/asked.txt", show=True)
    set_attribute("fscreate", stage.object_context("refused"))
    attempt("refused", create, "shelf/refused.txt", show=True)
    attempt("no context", set_attribute, "fscreate", "nonsense")
    set_attribute("fscreate", "")
    attempt("by class again", create, "shelf/more.txt", show=True)
