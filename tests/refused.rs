//! Where the system refuses membarrier(2), from the start or later: reads stay right, nothing is
//! freed too early, and nothing is left when the map is gone.
//!
//! Linux only. A filter of system calls is for ever, so each test is a process of its own.

#![cfg(target_os = "linux")]

mod own_process;

use std::sync::Arc;
use std::thread;

use splitmap::HashMap;

/// Has the kernel answer membarrier(2) with EPERM from now on, for this thread and those it starts.
fn refuse_membarrier() {
    let number = u32::try_from(libc::SYS_membarrier).expect("a small number");
    let eperm = u32::try_from(libc::EPERM).expect("a small number");
    let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let give = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut steps = [
        // The number of the call is the first field of what the filter sees.
        step(load, 0, 0, 0),
        step(equal, 0, 1, number),
        step(give, 0, 0, libc::SECCOMP_RET_ERRNO | eperm),
        step(give, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: plain numbers.
    let no_new_privileges = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(no_new_privileges, 0);
    // SAFETY: the program outlives the call, which copies it.
    let filtered =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) };
    assert_eq!(filtered, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: a question without an effect.
    assert_eq!(unsafe { libc::syscall(libc::SYS_membarrier, 0, 0, 0) }, -1);
}

/// Readers and writers on a few keys; what is read must be whole. Returns how many values there
/// are left, in the map or waiting.
fn load(map: &HashMap<u64, Arc<u64>>, values: &Arc<u64>) -> usize {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                scope.spawn(move || {
                    for round in 0..20_000 {
                        if thread % 2 == 0 {
                            map.pin().insert(round % 16, Arc::clone(values));
                        } else if let Some(value) = map.pin().get(&(round % 16)) {
                            assert_eq!(**value, 7);
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
    Arc::strong_count(values) - 1
}

#[test]
fn refused_from_the_start_fences_do_the_work() {
    if !own_process::is_for("refused_from_the_start_fences_do_the_work") {
        return;
    }
    refuse_membarrier();
    let (map, values) = (HashMap::new(), Arc::new(7));
    load(&map, &values);
    // How many are freed meanwhile depends on when threads are stopped while they are pinned.
    for round in 0..10_000 {
        map.pin().insert(round % 16, Arc::clone(&values));
    }
    let left = Arc::strong_count(&values) - 1;
    assert!(left < 1_000, "{left} are left where nobody is pinned");
    map.flush();
    assert_eq!(Arc::strong_count(&values) - 1, map.len());
    drop(map);
    assert_eq!(Arc::strong_count(&values), 1);
}

#[test]
fn refused_later_nothing_is_freed_before_the_map_is_dropped() {
    if !own_process::is_for("refused_later_nothing_is_freed_before_the_map_is_dropped") {
        return;
    }
    // With a bucket for each key: so that no table is retired, only values are.
    let (map, values) = (HashMap::with_capacity(16), Arc::new(7));
    map.pin().insert(0, Arc::clone(&values));
    refuse_membarrier();
    assert_eq!(load(&map, &values), 40_001);
    map.flush();
    let stats = map.stats();
    assert_eq!(stats.pending, Some(40_001 - map.len()));
    assert!(stats.blocked_advances > Some(0) && stats.blocked_since.is_some());
    drop(map);
    assert_eq!(Arc::strong_count(&values), 1);
}
