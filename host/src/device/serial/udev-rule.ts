/** The udev rule that gives users of a Linux machine their boards, and keeps ModemManager's hands off them. */

export const UDEV_RULE_NAME = '60-priot.rules';

export const UDEV_RULE = `# Raspberry Pi Pico boards: their serial ports belong to whoever sits at the machine, and to group plugdev.
SUBSYSTEM=="tty", ATTRS{idVendor}=="2e8a", MODE="0660", GROUP="plugdev", TAG+="uaccess", ENV{ID_MM_DEVICE_IGNORE}="1"
`;
