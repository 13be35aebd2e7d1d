/* Keeps agents with GPUs for tasks that want some, and fills agents up one after the other by what they have the least of.
 * Agents without GPUs come first when a task wants none; those with GPUs take it when nobody else can. A part of a GPU goes to
 * the GPU that it leaves the least of, so that whole ones stay whole. */
#include "bayplan_policy.h"

/* The parts of a score are from 0 to here. */
#define WHOLE 1000

/* How much of the dimension that is used most would be in use with the task. */
static int32_t used_of_scarcest(const struct bayplan_batch *batch, uint32_t agent) {
    int64_t most = 0;
    for (int dimension = 0; dimension < BAYPLAN_DIMENSIONS; dimension++) {
        int64_t total = batch->total[dimension][agent];
        int64_t used = total - batch->free[dimension][agent] + batch->wanted[dimension];
        if (total > 0 && used * WHOLE / total > most) {
            most = used * WHOLE / total;
        }
    }
    return most < WHOLE ? (int32_t)most : WHOLE;
}

/* How well a part of a GPU fits on the best GPU for it: WHOLE when it leaves nothing, 0 when there is none. */
static int32_t gpu_fit(const struct bayplan_batch *batch, uint32_t agent) {
    int64_t wanted = batch->wanted[BAYPLAN_GPUS];
    if (wanted == 0 || wanted >= 1000) {
        return 0;
    }
    int32_t best = 0;
    for (uint32_t gpu = batch->gpu_starts[agent]; gpu < batch->gpu_starts[agent + 1]; gpu++) {
        int32_t left = batch->gpu_shares[gpu] - (int32_t)wanted;
        if (left >= 0 && WHOLE - left > best) {
            best = WHOLE - left;
        }
    }
    return best;
}

int32_t bayplan_assess(const struct bayplan_batch *batch) {
    for (uint32_t agent = 0; agent < batch->agents; agent++) {
        int32_t is_kept = batch->total[BAYPLAN_GPUS][agent] > 0 && batch->wanted[BAYPLAN_GPUS] == 0;
        int32_t score = is_kept ? 0 : 1;
        score = score * (WHOLE + 1) + gpu_fit(batch, agent);
        score = score * (WHOLE + 1) + used_of_scarcest(batch, agent);
        batch->scores[agent] = score;
    }
    return 0;
}
