/** What the operating systems call things, and the commands they have: messages name only what works here. */
import { release } from 'node:os';

/** The systems that boards are plugged into; WSL is Linux without the host's USB. */
export type System = 'linux' | 'wsl' | 'macos' | 'windows';

export interface SystemHints {
  /** What a port is called. */
  readonly portExample: string;
  /** Whether a name can be a port's; what else it is called then is a mistake of the user's. */
  isPortName(name: string): boolean;
  /** How to find out who holds a port. */
  holder(path: string): string;
  /** How to get the right to use a port. */
  permission(path: string): string;
  /** What to do when a port that should be there is not. */
  readonly missing: string;
  /** How to get the boot ROM's drive to be seen. */
  readonly mountDrive: string;
  /** What makes the system list its ports. */
  readonly listPorts: string;
}

const PLUGGED_IN = 'see what is plugged in: priot devices';
const USERMOD = 'sudo usermod -aG dialout $USER (then log in again)';

const unix = {
  // a path, or a name in the folder of the day
  isPortName: (name: string) => !/^COM\d+$/i.test(name),
};

const linux: SystemHints = {
  ...unix,
  portExample: '/dev/ttyACM0',
  holder: (path) => `end it (ModemManager lets go by itself); this names it: fuser -v ${path}`,
  permission: () =>
    `${USERMOD}; or for boards only: ` +
    'priot doctor --udev-rule | sudo tee /etc/udev/rules.d/60-priot.rules (then replug the board)',
  missing: PLUGGED_IN,
  mountDrive: 'mount it if it is there (udisksctl mount -b /dev/disk/by-label/RPI-RP2) and: priot flash',
  listPorts: 'sudo apt install udev, or name the port: --device /dev/ttyACM0',
};

export const systemHints: Record<System, SystemHints> = {
  linux,
  wsl: {
    ...linux,
    permission: () => `${USERMOD}; without udev, until the board is replugged: sudo chmod a+rw PORT`,
    missing: 'WSL sees no USB device before Windows attaches it: usbipd list, then usbipd attach --wsl --busid BUSID',
    mountDrive: 'the drive RPI-RP2 is on the side of Windows: run priot flash there, or copy the .uf2 file onto it',
  },
  macos: {
    ...unix,
    portExample: '/dev/tty.usbmodem101',
    holder: (path) => `end it; this names it: lsof ${path}`,
    permission: (path) => `see whose it is: ls -l ${path}`,
    missing: PLUGGED_IN,
    mountDrive: 'see whether RPI-RP2 is in /Volumes (Finder: Locations) and: priot flash',
    listPorts: 'name the port: --device /dev/tty.usbmodem101',
  },
  windows: {
    portExample: 'COM3',
    isPortName: (name) => /^(\\\\\.\\)?COM\d+$/i.test(name),
    holder: () => 'close the program that has it open: a serial monitor, another priot',
    permission: () => 'close the program that has it open: a serial monitor, another priot',
    missing: `${PLUGGED_IN}; Device Manager lists it under "Ports (COM & LPT)"`,
    mountDrive: 'see whether Explorer shows a drive RPI-RP2 and: priot flash --drive D:\\',
    listPorts: 'name the port: --device COM3',
  },
};

function thisSystem(): System {
  switch (process.platform) {
    case 'win32':
      return 'windows';
    case 'darwin':
      return 'macos';
    default:
      return /microsoft/i.test(release()) ? 'wsl' : 'linux';
  }
}

/** The system that this runs on. */
export const system: System = thisSystem();

/** What it calls things. */
export const hints: SystemHints = systemHints[system];
