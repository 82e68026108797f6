"""Where observers disagree, and what they say together: ways to see both."""

from __future__ import annotations

from qtpy.QtCore import (  # type: ignore[attr-defined]  # qtpy renames Signal
    Qt,
    Signal,
)
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from specimen_unet.viewer.consensus_layer import METHODS
from specimen_unet.viewer.disagreement_layer import vote_colours
from specimen_unet.widgets.note import Note


class AgreementPanel(QWidget):
    """Buttons for the layers of disagreement and of consensus.

    Signals
    -------
    votes_asked : bool
        Somebody wants to see how many marked a voxel; whether the prediction counts.
    consensus_asked : str
        Somebody wants a consensus, made by this method.
    """

    votes_asked = Signal(bool)
    consensus_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.votes_button = QPushButton("Show disagreement")
        self.votes_button.setObjectName("show_disagreement")
        self.votes_button.setToolTip(
            "Add a layer that colours every voxel by how many of the ticked ground "
            "truths marked it. It changes as you paint."
        )
        self.with_prediction = QCheckBox("with prediction")
        self.with_prediction.setObjectName("count_prediction")
        self.with_prediction.setToolTip("Count the prediction as one more opinion.")
        self.legend = QLabel()
        self.method_box = QComboBox()
        self.method_box.setObjectName("consensus_method")
        for method, (title, tip) in METHODS.items():
            self.method_box.addItem(title, method)
            index = self.method_box.count() - 1
            self.method_box.setItemData(index, tip, Qt.ItemDataRole.ToolTipRole)
        self.merge_button = QPushButton("Add consensus")
        self.merge_button.setObjectName("add_consensus")
        self.merge_button.setToolTip(
            "Add a labels layer of what the ticked ground truths say together."
        )
        self.note = Note("consensus_note")
        self._count = 0
        self._connect()
        self._lay_out()

    def offer(self, truths: int) -> None:
        """Offer what can be done with so many ground truths."""
        self._count = truths
        self._show_legend()
        self.merge_button.setEnabled(truths > 1)

    def _connect(self) -> None:
        self.votes_button.clicked.connect(self._ask_votes)
        self.with_prediction.toggled.connect(self._show_legend)
        self.merge_button.clicked.connect(self._ask_consensus)
        self.method_box.currentIndexChanged.connect(self._tell_method)
        self._tell_method()

    def _ask_votes(self) -> None:
        self.votes_asked.emit(self.with_prediction.isChecked())

    def _ask_consensus(self) -> None:
        self.note.tell("Merging…")
        self.consensus_asked.emit(self.method_box.currentData())

    def _tell_method(self) -> None:
        self.method_box.setToolTip(METHODS[self.method_box.currentData()][1])

    def _show_legend(self) -> None:
        """Name the colours, and offer the layer where there are two opinions."""
        count = self._count + self.with_prediction.isChecked()
        self.votes_button.setEnabled(count > 1)
        self.legend.setText(
            " &nbsp; ".join(
                f'<span style="color:{colour}">■</span>&nbsp;'
                f"{name.replace(' ', '&nbsp;')}"
                for name, colour in vote_colours(count).values()
            )
            if count > 1
            else "Tick two ground truths, or count the prediction."
        )

    def _lay_out(self) -> None:
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.legend.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum
        )
        votes, merging = QHBoxLayout(), QHBoxLayout()
        votes.addWidget(self.votes_button)
        votes.addWidget(self.with_prediction)
        votes.addStretch(1)
        merging.addWidget(self.merge_button)
        merging.addWidget(QLabel("by"))
        merging.addWidget(self.method_box, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(votes)
        column.addWidget(self.legend)
        column.addLayout(merging)
        column.addWidget(self.note.native)
