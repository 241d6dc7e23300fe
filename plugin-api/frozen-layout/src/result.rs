//! `Result` with a layout.

/// A `Result` that crosses the boundary.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RResult<T, E> {
    /// Success.
    ROk(T),
    /// Failure.
    RErr(E),
}

impl<T, E> RResult<T, E> {
    /// The plain `Result`.
    pub fn into_result(self) -> Result<T, E> {
        self.into()
    }
}

impl<T, E> From<Result<T, E>> for RResult<T, E> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::ROk(value),
            Err(error) => Self::RErr(error),
        }
    }
}

impl<T, E> From<RResult<T, E>> for Result<T, E> {
    fn from(result: RResult<T, E>) -> Self {
        match result {
            RResult::ROk(value) => Ok(value),
            RResult::RErr(error) => Err(error),
        }
    }
}
