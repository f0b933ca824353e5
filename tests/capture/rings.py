"""C that makes a ring of io_uring and asks something through it."""

from __future__ import annotations

WAYS = {"array": 0, "no array": 1 << 16}
"""Where in it the kernel finds what is asked: flags of its making."""

RING = """
#include <linux/io_uring.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
static int ring, how = IORING_ENTER_GETEVENTS;
static struct io_uring_params made;
static struct io_uring_sqe *asked;
static char *memory;
static void map_ring(void) {
    memory = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    asked = mmap(0, 4 * sizeof *asked, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
}
static void make_ring(unsigned flags) {
    made.flags = flags;
    ring = syscall(SYS_io_uring_setup, 4, &made);
    if (ring < 0) exit(9);
    map_ring();
}
static int ask(int what, int fd, const void *at, int size, long to) {
    unsigned *tail = (unsigned *)(memory + made.sq_off.tail), i = *tail & 3;
    memset(asked + i, 0, sizeof *asked);
    asked[i].opcode = what, asked[i].fd = fd, asked[i].addr = (unsigned long)at, asked[i].len = size, asked[i].off = to;
    if (!(made.flags & 1 << 16)) ((unsigned *)(memory + made.sq_off.array))[i] = i;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, ring, 1, 1, how, 0, 0) != 1) exit(8);
    unsigned *head = (unsigned *)(memory + made.cq_off.head);
    struct io_uring_cqe *all = (struct io_uring_cqe *)(memory + made.cq_off.cqes);
    return all[(*head)++ & (made.cq_entries - 1)].res;
}
static int wait_for(int fd) {
    struct epoll_event event = {EPOLLIN};
    int epoll = epoll_create1(0);
    if (ask(IORING_OP_EPOLL_CTL, epoll, &event, EPOLL_CTL_ADD, fd)) exit(7);
    return epoll_wait(epoll, &event, 1, 1000);
}
"""

ASKED_LATER = """
#include <pthread.h>
#include <stdio.h>
#include <time.h>
static int begun, later;
static void *add(void *unused) {
    while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE)) {}
    for (volatile int n = later; n; n--) {}
    __atomic_store_n((unsigned *)(memory + made.sq_off.tail), 2, __ATOMIC_RELEASE);
    return 0;
}
static int take(void) {
    pthread_t other;
    make_ring(0);
    asked[1].opcode = IORING_OP_OPENAT, asked[1].fd = AT_FDCWD, asked[1].addr = (unsigned long)"in";
    ((unsigned *)(memory + made.sq_off.array))[1] = 1;
    pthread_create(&other, 0, add, 0);
    usleep(1000);
    __atomic_store_n((unsigned *)(memory + made.sq_off.tail), 1, __ATOMIC_RELEASE);
    __atomic_store_n(&begun, 1, __ATOMIC_RELEASE);
    int taken = syscall(SYS_io_uring_enter, ring, 2, 0, 0, 0, 0);
    pthread_join(other, 0);
    return taken;
}
static int take_often(void) {
    time_t end = time(0) + 90;
    for (int n = 0, both = 0; both < 3 && time(0) < end; n++) {
        int child = fork(), status;
        later = n % 150 * 500;
        if (!child) _exit(take());
        waitpid(child, &status, 0);
        if (WEXITSTATUS(status) == 2) both++, printf("%d\\n", child);
    }
    return 0;
}
"""
"""Rings through which one thread hands over that nothing is to be done, while another asks for a file to be opened. Prints in
which forks the kernel has done both at once: with a processor for each thread some in a hundred, on a busy machine few."""
