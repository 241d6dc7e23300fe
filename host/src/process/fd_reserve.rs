//! Descriptors kept back, so that a process can be spawned where clients or plugins have taken all others.
//!
//! The reserve is the first to go short: where the programs themselves need nearly all that may be open, what is left
//! is for the server and the logs.

use std::{
    fs::File,
    os::fd::{AsFd as _, OwnedFd},
};

/// Number of descriptors in the reserve. A spawn takes six, of which two or three stay open while the process lives.
const MAX_SIZE: usize = 24;

/// Descriptors that are kept only to be given up.
#[derive(Debug, Default)]
pub struct FdReserve {
    kept: Vec<OwnedFd>,
    /// Number of descriptors that it should have.
    size: usize,
}

impl FdReserve {
    /// Take what can be had of the reserve, but no more than the `spare` descriptors that programs leave over.
    pub fn new(spare: u64) -> Self {
        let mut reserve = Self::default();
        reserve.resize(spare);
        reserve
    }

    /// Adapt the reserve to the `spare` descriptors that programs leave over: it is no larger than those.
    pub fn resize(&mut self, spare: u64) {
        self.size = usize::try_from(spare).unwrap_or(usize::MAX).min(MAX_SIZE);
        self.kept.truncate(self.size);
        self.refill();
    }

    /// Attempt what needs descriptors; where there are none, once more with those of the reserve.
    pub fn with<T, E>(
        &mut self,
        mut attempt: impl FnMut() -> Result<T, E>,
        lacks_descriptors: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        let mut result = attempt();
        if result.as_ref().is_err_and(&lacks_descriptors) && !self.kept.is_empty() {
            self.kept.clear();
            result = attempt();
        }
        self.refill();
        result
    }

    fn refill(&mut self) {
        if self.kept.is_empty() && self.size > 0 {
            self.kept.extend(File::open("/dev/null").map(OwnedFd::from));
        }
        while self.kept.len() < self.size
            && let Some(fd) = self.kept.first().and_then(|fd| fd.as_fd().try_clone_to_owned().ok())
        {
            self.kept.push(fd);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_descriptors_gets_those_of_the_reserve() {
        let mut reserve = FdReserve::new(1000);
        assert_eq!(reserve.kept.len(), MAX_SIZE);
        let mut attempts = 0;
        let mut lacking = || {
            attempts += 1;
            if attempts == 1 { Err(true) } else { Ok(attempts) }
        };
        assert_eq!(reserve.with(&mut lacking, |lacks| *lacks), Ok(2));
        assert_eq!(reserve.kept.len(), MAX_SIZE, "taken again");
        assert_eq!(reserve.with(|| Err::<(), _>(false), |lacks| *lacks), Err(false));
    }

    #[test]
    fn it_is_no_larger_than_what_programs_leave_over() {
        let mut reserve = FdReserve::new(3);
        assert_eq!(reserve.kept.len(), 3);
        reserve.resize(0);
        assert_eq!(reserve.with(|| Err::<(), _>(true), |lacks| *lacks), Err(true));
        assert!(reserve.kept.is_empty(), "and takes nothing where there is nothing to take");
        reserve.resize(100);
        assert_eq!(reserve.kept.len(), MAX_SIZE);
    }
}
