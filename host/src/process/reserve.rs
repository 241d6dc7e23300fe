//! Descriptors kept back, so that a process can be spawned where clients or plugins have taken all others.

use std::{
    fs::File,
    os::fd::{AsFd as _, OwnedFd},
};

/// A spawn takes six, of which two or three stay open for as long as the process lives.
const RESERVE: usize = 24;

/// Descriptors that are good for nothing but to be given up.
#[derive(Debug, Default)]
pub struct Reserve(Vec<OwnedFd>);

impl Reserve {
    /// Takes what can be had of the reserve.
    pub fn new() -> Self {
        let mut reserve = Self::default();
        reserve.refill();
        reserve
    }

    /// Does what needs descriptors; where there are none, once more with those of the reserve.
    pub fn with<T, E>(
        &mut self,
        mut attempt: impl FnMut() -> Result<T, E>,
        lacks_descriptors: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        let mut result = attempt();
        if result.as_ref().is_err_and(&lacks_descriptors) && !self.0.is_empty() {
            self.0.clear();
            result = attempt();
        }
        if self.0.len() < RESERVE {
            self.refill();
        }
        result
    }

    fn refill(&mut self) {
        if self.0.is_empty() {
            self.0.extend(File::open("/dev/null").map(OwnedFd::from));
        }
        while self.0.len() < RESERVE
            && let Some(fd) = self.0.first().and_then(|fd| fd.as_fd().try_clone_to_owned().ok())
        {
            self.0.push(fd);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_descriptors_gets_those_of_the_reserve() {
        let mut reserve = Reserve::new();
        assert_eq!(reserve.0.len(), RESERVE);
        let mut attempts = 0;
        let mut lacking = || {
            attempts += 1;
            if attempts == 1 { Err(true) } else { Ok(attempts) }
        };
        assert_eq!(reserve.with(&mut lacking, |lacks| *lacks), Ok(2));
        assert_eq!(reserve.0.len(), RESERVE, "taken again");
        assert_eq!(reserve.with(|| Err::<(), _>(false), |lacks| *lacks), Err(false));
    }
}
