/** The udev rule that gives users of a Linux machine their boards, and keeps ModemManager's hands off them. */

export const UDEV_RULE_NAME = '60-priot.rules';

export const UDEV_RULE = `# Raspberry Pi Pico boards: their serial ports are whoever's sits at the machine, and the system's group for ports.
SUBSYSTEM=="tty", ATTRS{idVendor}=="2e8a", MODE="0660", TAG+="uaccess", ENV{ID_MM_DEVICE_IGNORE}="1"
`;
