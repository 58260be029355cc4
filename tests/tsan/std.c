// SPDX-License-Identifier: Apache-2.0
// Rust's standard library comes compiled, without ThreadSanitizer's calls: where a lock of its is taken or given back
// inside it, the sanitizer would take what the lock protects for a race. These are its only functions where that
// happens (what is generic or inlined is compiled with the library, and instrumented); the linker puts the functions of
// this file round them (--wrap), which tell the sanitizer. CMakeLists.txt finds their names, which differ from one
// release of Rust to the next.
//
// The counts of Arc are taken down by a release, and an acquire fence follows for the last: the sanitizer knows no
// fences.
//
// What was written before a file is watched by epoll is seen by who is told of it: the sanitizer knows that, but not
// that tokio holds one epoll by two descriptors.

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

#define JOIN(prefix, name) prefix##name
#define ORIGINAL(name) JOIN(__real_, name)
#define WRAPPER(name) JOIN(__wrap_, name)

/* std::sys::sync::mutex::futex::Mutex::lock_contended(&self) */
void ORIGINAL(LOCK)(void *mutex);
void WRAPPER(LOCK)(void *mutex) {
    ORIGINAL(LOCK)(mutex);
    __tsan_acquire(mutex);
}

/* std::sys::sync::rwlock::futex::RwLock::read_contended(&self) */
void ORIGINAL(READ)(void *lock);
void WRAPPER(READ)(void *lock) {
    ORIGINAL(READ)(lock);
    __tsan_acquire(lock);
}

/* std::sys::sync::rwlock::futex::RwLock::write_contended(&self) */
void ORIGINAL(WRITE)(void *lock);
void WRAPPER(WRITE)(void *lock) {
    ORIGINAL(WRITE)(lock);
    __tsan_acquire(lock);
}

/* std::sys::sync::condvar::futex::Condvar::wait(&self, mutex: &Mutex) */
void ORIGINAL(WAIT)(void *condition, void *mutex);
void WRAPPER(WAIT)(void *condition, void *mutex) {
    __tsan_release(mutex);
    ORIGINAL(WAIT)(condition, mutex);
    __tsan_acquire(mutex);
}

/* std::sys::sync::condvar::futex::Condvar::wait_timeout(&self, mutex: &Mutex, dur: Duration) -> bool */
bool ORIGINAL(WAIT_TIMEOUT)(void *condition, void *mutex, uint64_t seconds, uint32_t nanoseconds);
bool WRAPPER(WAIT_TIMEOUT)(void *condition, void *mutex, uint64_t seconds, uint32_t nanoseconds) {
    __tsan_release(mutex);
    bool in_time = ORIGINAL(WAIT_TIMEOUT)(condition, mutex, seconds, nanoseconds);
    __tsan_acquire(mutex);
    return in_time;
}

/* std::sys::sync::once::futex::Once::call(&self, ignore_poisoning: bool, f: &mut dyn FnMut(&OnceState)) */
void ORIGINAL(ONCE)(void *once, bool ignore_poisoning, void *closure, const void *vtable);
void WRAPPER(ONCE)(void *once, bool ignore_poisoning, void *closure, const void *vtable) {
    ORIGINAL(ONCE)(once, ignore_poisoning, closure, vtable);
    __tsan_acquire(once);
    __tsan_release(once);
}

/* Numbers of the sanitizer's interface. */
enum { ORDER_RELEASE = 3, ORDER_ACQUIRE_RELEASE = 4 };

uint64_t ORIGINAL(__tsan_atomic64_fetch_sub)(volatile uint64_t *count, uint64_t number, int order);
uint64_t WRAPPER(__tsan_atomic64_fetch_sub)(volatile uint64_t *count, uint64_t number, int order) {
    int both = order == ORDER_RELEASE ? ORDER_ACQUIRE_RELEASE : order;
    return ORIGINAL(__tsan_atomic64_fetch_sub)(count, number, both);
}

static char watched;

int ORIGINAL(epoll_ctl)(int epoll, int operation, int file, struct epoll_event *event);
int WRAPPER(epoll_ctl)(int epoll, int operation, int file, struct epoll_event *event) {
    __tsan_release(&watched);
    return ORIGINAL(epoll_ctl)(epoll, operation, file, event);
}

int ORIGINAL(epoll_wait)(int epoll, struct epoll_event *events, int size, int timeout_ms);
int WRAPPER(epoll_wait)(int epoll, struct epoll_event *events, int size, int timeout_ms) {
    int count = ORIGINAL(epoll_wait)(epoll, events, size, timeout_ms);
    __tsan_acquire(&watched);
    return count;
}
