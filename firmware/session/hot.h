/* Code that every frame goes through. The Pico's build puts it into SRAM; elsewhere it is as any. */
#ifndef PRIOT_SESSION_HOT_H
#define PRIOT_SESSION_HOT_H

#ifndef PRIOT_HOT
#define PRIOT_HOT
#endif

#endif
