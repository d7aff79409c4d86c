/* Code and tables that every frame goes through. The Pico's build puts them into SRAM; elsewhere they are as any. */
#ifndef PRIOT_SESSION_HOT_H
#define PRIOT_SESSION_HOT_H

#ifndef PRIOT_HOT
#define PRIOT_HOT
#endif

#ifndef PRIOT_HOT_TABLE
#define PRIOT_HOT_TABLE
#endif

#endif
