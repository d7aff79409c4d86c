#include "session_internal.h"

session_state session;
