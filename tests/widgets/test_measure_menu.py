from __future__ import annotations

from npe2 import PluginManager


def test_the_menus_offer_the_dock():
    manager = PluginManager()
    manager.discover(include_npe1=False)
    contributed = manager.get_manifest("specimen-unet").contributions
    names = {command.id: command.python_name for command in contributed.commands}
    command = "specimen-unet.measure"
    assert names[command] == "specimen_unet.widgets.measure_dock:MeasureDock"
    widgets = {widget.display_name: widget.command for widget in contributed.widgets}
    assert widgets["Measure"] == command
    measures = [item.command for item in contributed.menus["napari/layers/measure"]]
    assert command in measures
