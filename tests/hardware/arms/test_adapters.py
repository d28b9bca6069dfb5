from pathlib import Path

from hardware.arms.adapters import adapter_serial, udev_rules


def test_an_adapters_serial_is_that_of_its_usb_device(tmp_path: Path) -> None:
    """As Linux shows it: the interface's device is a function of the USB device that has the serial."""
    usb = tmp_path / "devices/usb1/1-3"
    (usb / "1-3:1.0").mkdir(parents=True)
    (usb / "serial").write_text("004E00315447500D20303338\n")
    (tmp_path / "net/can0").mkdir(parents=True)
    (tmp_path / "net/can0/device").symlink_to(usb / "1-3:1.0")
    (tmp_path / "net/vcan0").mkdir()
    assert adapter_serial("can0", tmp_path / "net") == "004E00315447500D20303338"
    assert adapter_serial("vcan0", tmp_path / "net") is None


def test_the_rules_name_each_adapter_by_its_serial_and_open_the_cameras() -> None:
    rules = udev_rules({"004E": "can_left"}).splitlines()
    assert any('ATTRS{serial}=="004E"' in line and 'NAME="can_left"' in line for line in rules)
    assert any("8086" in line and "0666" in line for line in rules)
