/* What a Bayplan placement policy that is a WebAssembly module agrees on with its host: version 1.
 * docs/policy-modules.md of Bayplan says what is meant, and what a module may take. */
#ifndef BAYPLAN_POLICY_H
#define BAYPLAN_POLICY_H

#include <stdint.h>

#define BAYPLAN_ABI_VERSION 1

/* Indexes of what there are four of. */
enum bayplan_dimension { BAYPLAN_CPUS, BAYPLAN_MEM, BAYPLAN_DISK, BAYPLAN_GPUS, BAYPLAN_DIMENSIONS };

/* A score that refuses the agent; all others are from 0 to INT32_MAX, and the highest wins. */
#define BAYPLAN_REFUSED (-1)

/* Amounts are in thousandths: of a cpu, of a MB of memory or disk, of a GPU. */
struct bayplan_batch {
    uint32_t abi_version;
    /* How many agents this is about: the length of every column without a length of its own. */
    uint32_t agents;
    /* Differs from decision to decision; the same when a decision is made again. */
    uint64_t seed;
    /* What the task wants. */
    int64_t wanted[BAYPLAN_DIMENSIONS];
    /* What the largest agent of the whole cluster has. */
    int64_t largest[BAYPLAN_DIMENSIONS];
    uint32_t ports_wanted;
    /* 1 for a container, 0 for a plain process. */
    uint32_t is_container;
    /* Numbers of agents, rising. */
    const uint32_t *ids;
    /* What agents have in all, and what no task and no offer holds. */
    const int64_t *total[BAYPLAN_DIMENSIONS];
    const int64_t *free[BAYPLAN_DIMENSIONS];
    const uint32_t *free_ports;
    /* Instances of the task's app on the agent. */
    const uint32_t *instances;
    /* Agent i has the GPUs gpu_shares[gpu_starts[i]] up to but not including gpu_shares[gpu_starts[i + 1]]: what is free of
     * each, from 0 to 1000. gpu_starts has agents + 1 elements. */
    const uint32_t *gpu_starts;
    const int16_t *gpu_shares;
    /* To be written: a score for every agent. */
    int32_t *scores;
};

_Static_assert(sizeof(void *) == 4, "build for wasm32");
_Static_assert(sizeof(struct bayplan_batch) == 144, "the columns' addresses are where the host writes them");

#define BAYPLAN_EXPORT(name) __attribute__((export_name(name)))

/* What a module exports, beside its memory. */
BAYPLAN_EXPORT("bayplan_abi_version") __attribute__((weak)) int32_t bayplan_abi_version(void) { return BAYPLAN_ABI_VERSION; }
/* Writes all scores and returns 0; any other number says that it failed. */
BAYPLAN_EXPORT("bayplan_assess") int32_t bayplan_assess(const struct bayplan_batch *batch);

#endif
