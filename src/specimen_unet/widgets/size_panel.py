"""The table of sizes, what to know about them, and ways to take them elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from specimen_unet.widgets.margin_words import length_text
from specimen_unet.widgets.note import Note
from specimen_unet.widgets.number_table import NumberTable
from specimen_unet.widgets.quantities import size_text, unit_name
from specimen_unet.widgets.table_export import TableExport

if TYPE_CHECKING:
    from specimen_unet.domain.grid import Grid
    from specimen_unet.viewer.measured_labels import LayerSizes

_IN_3D = {
    "volume": ("Volume", 3, "Voxels × the size of one."),
    "surface": ("Surface", 2, "Finer than voxels; none at the border of the image."),
    "largest_diameter": ("Largest Ø", 1, "The largest distance of two points of it."),
    "equivalent_diameter": ("Ball Ø", 1, "Diameter of the ball of the same volume."),
}
_IN_2D = {
    "volume": ("Area", 2, "Pixels × the size of one."),
    "surface": ("Outline", 1, "Finer than pixels; none at the border of the image."),
    "largest_diameter": _IN_3D["largest_diameter"],
    "equivalent_diameter": ("Disc Ø", 1, "Diameter of the disc of the same area."),
}
_CUT = "goes on to the border of the image, where nothing is known of it"


class SizePanel(QWidget):
    """A row a label: volume, surface and diameters, with their units."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = NumberTable("sizes", 1 + len(_IN_3D))
        self.remarks = Note("size_remarks", "caution")
        self.export = TableExport(self.table, "sizes")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.table, self.remarks.native, self.export):
            column.addWidget(part)

    def show_sizes(self, sizes: LayerSizes) -> None:
        """Show new sizes."""
        self.table.values = sizes.table
        self.table.setRowCount(len(sizes.table))
        columns = _IN_2D if sizes.grid.dimensions == 2 else _IN_3D
        self._name_columns(columns, sizes.grid.unit)
        for row, values in enumerate(sizes.table.to_dict("records")):
            name = f"{values['name']}, cut" if values["is_cut"] else str(values["name"])
            tip = f"Label {values['label']}: {values['voxels']:,} voxels"
            if values["is_cut"]:
                tip += f"; it {_CUT}"
            self.table.write_cell(row, 0, name, tip)
            for column, (key, (_, power, _)) in enumerate(columns.items(), start=1):
                text = _text(values[key], power, sizes.grid)
                self.table.write_cell(row, column, text, f"{values[key]:,.6g}")
        self.table.fit_height()
        self.remarks.tell("\n".join(sizes.remarks))

    def _name_columns(
        self, columns: dict[str, tuple[str, int, str]], unit: str
    ) -> None:
        self.table.name_column(0, "Label", "The label, by its name.")
        for column, (name, power, tip) in enumerate(columns.values(), start=1):
            self.table.name_column(column, f"{name}\n{unit_name(unit, power)}", tip)


def _text(size: float, power: int, grid: Grid) -> str:
    return length_text(size, grid) if power == 1 else size_text(size)
