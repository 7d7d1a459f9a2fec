"""Build the appliance's SD card: ``python3 -m image --help``. Standard library only, any Debian machine."""
