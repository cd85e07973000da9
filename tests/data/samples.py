"""Where genuine samples of public sales files lie, and files of a test's own."""

import zipfile
from pathlib import Path

import pytest

REAL = Path(__file__).parents[3] / "shared" / "data"
real = pytest.mark.skipif(not REAL.is_dir(), reason="needs the files of ../shared/data")


def write(folder: Path, **files: str) -> Path:
    """Files of a folder by their names, in which __ stands for the dot."""
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder


def workbook(path: Path, **sheets: list[list[str]]) -> Path:
    """A workbook with text in its cells, by sheet."""

    def sheet(rows: list[list[str]]) -> str:
        cells = ("".join(f'<c t="inlineStr"><is><t>{entry}</t></is></c>' for entry in row) for row in rows)
        body = "".join(f'<row r="{i + 1}">{row}</row>' for i, row in enumerate(cells))
        return f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'

    main, office = (f"http://schemas.openxmlformats.org/{end}" for end in ("spreadsheetml/2006/main", "officeDocument"))
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    kind = f"{office}/2006/relationships"
    content = "http://schemas.openxmlformats.org/package/2006/content-types"
    form = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    numbers = range(1, len(sheets) + 1)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{content}"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{form}.sheet.main+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{form}.worksheet+xml"/>' for i in numbers
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{relations}"><Relationship Id="r1" Type="{kind}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{kind}"><sheets>'
        + "".join(f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"/>' for i, name in zip(numbers, sheets, strict=True))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{relations}">'
        + "".join(
            f'<Relationship Id="r{i}" Type="{kind}/worksheet" Target="worksheets/sheet{i}.xml"/>' for i in numbers
        )
        + "</Relationships>",
    }
    parts |= {f"xl/worksheets/sheet{i}.xml": sheet(rows) for i, rows in zip(numbers, sheets.values(), strict=True)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path
