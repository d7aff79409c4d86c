/* This file declares the requests that a device answers, file by file. */
#ifndef PRIOT_HANDLERS_H
#define PRIOT_HANDLERS_H

#include "session_internal.h"

/* training.c */
void handle_start_session(const priot_StartSession *request);
void handle_step(const priot_Step *request);
void handle_evaluate(const priot_Evaluate *request);
/* Ends the session, because the network that it trains is gone. */
void end_session(void);
/* Begins to count the idle and wire cycles of the next step: what was before is not its own. */
void begin_counting(void);

/* checkpoint.c */
void handle_save_checkpoint(const priot_SaveCheckpoint *request);
void handle_read_checkpoint(void);
void handle_read_checkpoint_state(const priot_ReadTensor *request);

/* network.c */
void handle_open_network(const priot_OpenNetwork *request);
void handle_write_tensor(const priot_WriteTensor *request);
void handle_commit_tensor(const priot_CommitTensor *request);
void handle_read_tensor(const priot_ReadTensor *request);
/* Closes the open network and ends its session. */
void close_network(void);

#endif
