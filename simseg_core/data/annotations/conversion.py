"""Annotations of another form -> a new folder of pictures and masks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from simseg_core.data.annotations.coco import Crowd, category_names, read_coco
from simseg_core.data.annotations.colours import read_colours
from simseg_core.data.annotations.labelme import find_labels, read_labelme
from simseg_core.data.annotations.writing import check_new, write_folder
from simseg_core.data.files.mask_values import MaskValues
from simseg_core.data.files.picture_files import MaskOrientation
from simseg_core.data.files.values import Value
from simseg_core.data.folder import FolderDataset
from simseg_core.data.palettes import Color
from simseg_core.data.sources import open_source

__all__ = ["FORMS", "Form", "convert_annotations"]

Form = Literal["colours", "labelme", "coco"]
FORMS: tuple[Form, ...] = get_args(Form)


def convert_annotations(
    path: str | Path,
    new: str | Path,
    form: Form,
    *,
    classes: Sequence[str] | None = None,
    mask_values: MaskValues | Mapping[Value, str | None] | None = None,
    mask_suffix: str = "",
    mask_orientation: MaskOrientation | None = None,
    images: str | Path | None = None,
    crowd: Crowd = "ignore",
) -> FolderDataset:
    """Make a folder that `FolderDataset` reads out of annotations of another form.

    Pictures are copied, masks are palette PNGs of class indices, 255 for what does not
    count, and ``mask_values.json`` says what they mean. Nothing is changed in place.

    Args:
        path: for ``"colours"`` a folder with ``images/`` and ``masks/``; for
            ``"labelme"`` a folder of JSON files, or one; for ``"coco"`` a JSON file, or
            the folder that holds one.
        new: the folder to make; it may be there if it is empty.
        form: of the annotations.
        classes: the names in the order of their indices, the first for all that is not
            annotated. Only ``"coco"`` and `mask_values` name them themselves.
        mask_values: of ``"colours"``: what each colour is; see `FolderDataset`.
        mask_suffix: of ``"colours"``.
        mask_orientation: of ``"colours"`` and ``"coco"``: how masks lie on photographs
            that their EXIF tag turns.
        images: of ``"labelme"`` and ``"coco"``: where pictures lie, if not beside the
            JSON or in ``images/`` there.
        crowd: of ``"coco"``: whether crowds (``iscrowd``) get their ``"class"`` or
            ``"ignore"``: do not count.

    Returns:
        The new folder's raw pairs.

    Raises:
        FileExistsError: if `new` holds something.
        FileNotFoundError: if `path`, the folder above `new`, or `images` is missing.
        ValueError: if `form` is another, nothing says the classes, or anything is wrong
            with any file; the error lists all, and nothing is written.
    """
    path, new = (Path(one).expanduser() for one in (path, new))
    folder = None if images is None else Path(images).expanduser()
    check_new(new)
    if form not in FORMS:
        raise ValueError(f"form={form!r} is not one of {', '.join(FORMS)}")
    if folder is not None and not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}, where pictures should lie")
    faults: list[ValueError] = []
    palette: Sequence[Color] | None = None
    remedy_for = None
    if form == "colours":
        data = open_source(
            f"folder:{path}",
            classes=classes,
            mask_values=mask_values,
            mask_suffix=mask_suffix,
            mask_orientation=mask_orientation,
        )
        assert isinstance(data, FolderDataset)
        items, names = read_colours(data), data.classes
        palette, remedy_for = _palette(data.mask_values), data.mask_values.remedy
    elif form == "labelme":
        files = _json_files(path)
        names = tuple(classes or ())
        if not names:
            found = ",".join(["background", *find_labels(files)])
            raise ValueError(
                "nothing says the order of the classes; the first is all that is not "
                f"labelled: --classes {found}"
            )
        items = []
        for file in files:
            try:
                items.append(read_labelme(file, names, folder))
            except ValueError as fault:
                faults.append(fault)
    else:
        files = _json_files(path)
        if len(files) > 1:
            raise ValueError(
                f"{path} holds {len(files)} JSON files: name one, as {files[0]}"
            )
        own = category_names(files[0])
        names = tuple(classes or dict.fromkeys(["background", *own]))
        items, faults = read_coco(
            files[0], names, images=folder, crowd=crowd, drawn=mask_orientation
        )
    write_folder(
        new, items, names, palette=palette, faults=faults, remedy_for=remedy_for
    )
    return FolderDataset(new, normalize=False)


def _json_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"no folder or file {path}")
    files = sorted(path.glob("*.json"))
    if not files:
        raise FileNotFoundError(f"no JSON file in {path}")
    return files


def _palette(values: MaskValues) -> list[Color] | None:
    """Show classes in the colours that stood for them, if these were colours."""
    if not values.by_color:
        return None
    colors = {name: color for color, name in reversed(values.values.items()) if name}
    return [colors.get(name, (0, 0, 0)) for name in values.classes]  # type: ignore[misc]
