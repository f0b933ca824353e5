/* Walks over a snapshot, compiled: what closure.py and shares.py do in Python, step for step.
 *
 * Plain loops over arrays that the caller owns; nothing is allocated, no other library is needed. Every
 * node and place in the arrays is below the sizes that they were made with.
 */

#include <stdint.h>

/* Breadth first from `sources`. The nodes reached go to `found`, `ends[d]` is how many are within
 * depth d + 1; there is room for `most` of both. Returns the number of levels, or -1 if more than
 * `most` nodes are reached. `unseen` is all ones, and is given back so. `wanted`, by type, and
 * `stopping`, by node, may be null; `hops` below zero is no bound. */
int64_t provgraph_reached(const int32_t *start, const int32_t *degree, const int32_t *targets,
                          const uint8_t *types, const uint8_t *wanted, const uint8_t *stopping,
                          uint8_t *unseen, const int64_t *sources, int64_t count, int64_t hops,
                          int64_t most, int64_t *found, int64_t *ends)
{
    const int64_t *level = sources;
    int64_t levels = 0, reached = 0;

    while (count > 0 && levels != hops) {
        int64_t before = reached;

        for (int64_t i = 0; i < count; i++) {
            int64_t node = level[i];

            if (levels > 0 && stopping && stopping[node])
                continue;
            int64_t from = start[node], to = from + degree[node];
            for (int64_t at = from; at < to; at++) {
                int32_t target = targets[at];

                if (!unseen[target] || (wanted && !wanted[types[at]]))
                    continue;
                if (reached == most)
                    goto too_many;
                unseen[target] = 0;
                found[reached++] = target;
            }
        }
        if (reached == before)
            break;
        ends[levels++] = reached;
        level = found + before;
        count = reached - before;
    }
    for (int64_t i = 0; i < reached; i++)
        unseen[found[i]] = 1;
    return levels;

too_many:
    for (int64_t i = 0; i < reached; i++)
        unseen[found[i]] = 1;
    return -1;
}

/* Carries bits along edges: node n leads to `targets` from `first[n]` to `first[n + 1]`, `waits` says how
 * many lead to it and is used up, `held` has `words` words a node. `state` is all zeros, `ready` has
 * room for every node. A node is taken when all that lead to it have been; where only cycles are left,
 * one is taken all the same, and what is taken already is taken again when its bits change. */
enum { TAKEN = 1, QUEUED = 2 };

void provgraph_carried(int64_t nodes, const int64_t *first, const int64_t *targets, int64_t *waits,
                       int64_t words, uint64_t *held, uint8_t *state, int64_t *ready)
{
    int64_t queued = 0, rest = 0;

    for (int64_t node = 0; node < nodes; node++) {
        if (!waits[node]) {
            state[node] = QUEUED;
            ready[queued++] = node;
        }
    }
    for (;;) {
        int64_t node;

        if (queued > 0) {
            node = ready[--queued];
        } else {
            while (rest < nodes && (state[rest] & TAKEN))
                rest++;
            if (rest == nodes)
                return;
            node = rest;
        }
        int again = state[node] & TAKEN;
        const uint64_t *carry = held + node * words;

        state[node] = TAKEN;
        for (int64_t at = first[node]; at < first[node + 1]; at++) {
            int64_t target = targets[at];
            uint64_t *to = held + target * words, changed = 0;

            for (int64_t w = 0; w < words; w++) {
                uint64_t after = to[w] | carry[w];

                changed |= after ^ to[w];
                to[w] = after;
            }
            if (!again)
                waits[target]--;
            if (state[target] & QUEUED)
                continue;
            if ((state[target] & TAKEN) ? changed != 0 : waits[target] == 0) {
                state[target] |= QUEUED;
                ready[queued++] = target;
            }
        }
    }
}
