//! Fences in pairs: a light one where readers pin, a heavy one where a thread wants to free.
//!
//! Of a light and a heavy fence one comes first, in the sense of two `SeqCst` fences. Two light
//! ones are not ordered, and nothing here compares two.
//!
//! Where the system has membarrier(2), the light fence is one for the compiler alone, and the
//! heavy one makes every running thread of the process execute a real one. Where the system lacks or
//! refuses it, both are real. The process finds that out once, at run time.

use crate::sync::{Ordering, fence};

/// How this process orders its readers and its writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Fences {
    /// A real fence on both sides.
    Symmetric = 1,
    /// Nothing at run time for readers, membarrier for the others.
    Asymmetric = 2,
}

impl Fences {
    /// What the system has. A later call may return something else; see `Registry::fences`.
    pub(super) fn of_the_system() -> Fences {
        if membarrier::register() {
            Fences::Asymmetric
        } else {
            Fences::Symmetric
        }
    }

    /// The reader's side.
    #[inline(always)]
    pub(super) fn light(self) {
        // Fence: as below, the processor's part being done by `heavy`.
        #[cfg(not(splitmap_loom))]
        if self == Fences::Asymmetric {
            return crate::sync::compiler_fence(Ordering::SeqCst);
        }
        // Fence: its partner is `heavy`; - if this one comes first, whoever executed the other
        //        sees the pin before it;
        //        - if the other comes first, this thread sees what had been unlinked before it.
        fence(Ordering::SeqCst);
    }

    /// The other side. False if the system refuses it: then nothing is ordered.
    pub(super) fn heavy(self) -> bool {
        match self {
            Fences::Asymmetric => membarrier::execute(),
            Fences::Symmetric => {
                // Fence: see `light`.
                fence(Ordering::SeqCst);
                true
            }
        }
    }
}

/// The system call. Where a tool cannot see through it, it is not used.
#[cfg(all(
    target_os = "linux",
    not(any(splitmap_loom, miri, splitmap_shuttle, splitmap_strict))
))]
mod membarrier {
    use libc::{c_int, c_long};

    const QUERY: c_int = libc::MEMBARRIER_CMD_QUERY;
    const EXECUTE: c_int = libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED;
    const REGISTER: c_int = libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;

    fn call(command: c_int) -> c_long {
        // SAFETY: points into this thread's own memory.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: as above; a thread that pins a guard must not see in it that the call failed.
        let before = unsafe { errno.read() };
        // SAFETY: the call reads and writes no memory of the process.
        let answer = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
        // SAFETY: as above.
        unsafe { errno.write(before) };
        answer
    }

    pub(super) fn register() -> bool {
        let commands = call(QUERY);
        let both = c_long::from(EXECUTE | REGISTER);
        // Tried once: a filter may allow the query and refuse the fence itself.
        commands > 0 && commands & both == both && call(REGISTER) == 0 && execute()
    }

    pub(super) fn execute() -> bool {
        // A child of a fork may have to register again.
        call(EXECUTE) == 0 || call(REGISTER) == 0 && call(EXECUTE) == 0
    }
}

#[cfg(not(all(
    target_os = "linux",
    not(any(splitmap_loom, miri, splitmap_shuttle, splitmap_strict))
)))]
mod membarrier {
    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn execute() -> bool {
        unreachable!("nothing registers")
    }
}
