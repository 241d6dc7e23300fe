//! Memory that the larger requests and answers of all clients together may take.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::blocking::{NoThread, spawn_blocking};

/// Size of a request that counts as nothing, in bytes; and so does what comes of a larger one until it is as much
/// again.
const SMALL: usize = 256 << 10;

/// Size in bytes from which on a request or an answer would keep other clients waiting while it is read or written as
/// XML.
pub(super) const LARGE: usize = 2 << 20;

/// Refusal of an answer for which there is no memory.
pub(super) const TOO_MANY: &str = "too many large answers are on their way; try again later";

/// Memory that is reserved for an answer.
#[derive(Debug)]
pub(super) struct ReservedMemory {
    _permits: OwnedSemaphorePermit,
}

/// Reserve memory for an answer of so many bytes; `None` where there is none for so long.
pub(super) async fn reserve(memory: &Arc<Semaphore>, bytes: usize, timeout: Duration) -> Option<ReservedMemory> {
    let permits = tokio::time::timeout(timeout, memory.clone().acquire_many_owned(kib(bytes))).await.ok()?;
    // It is never closed.
    Some(ReservedMemory { _permits: permits.ok()? })
}

impl ReservedMemory {
    /// The bytes of the answer, which take this memory for as long as they are there.
    pub(super) fn counted(self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(CountedBytes { bytes, _memory: self })
    }
}

/// Free what is large where that holds up nobody. Without a runtime or a thread it is freed right here.
pub(super) fn free_elsewhere<T: Send + 'static>(large: T) {
    match Handle::try_current() {
        Ok(runtime) => {
            let freed = spawn_blocking(&runtime, move || drop(large));
            if let Err(NoThread { work, .. }) = freed {
                work();
            }
        }
        Err(_) => drop(large),
    }
}

/// Bytes of an answer that count against the memory for answers for as long as they are there.
struct CountedBytes {
    bytes: Vec<u8>,
    _memory: ReservedMemory,
}

impl Drop for CountedBytes {
    fn drop(&mut self) {
        free_elsewhere(std::mem::take(&mut self.bytes));
    }
}

impl AsRef<[u8]> for CountedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Number of permits for so many bytes.
fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes >> 10).unwrap_or(u32::MAX)
}

/// Reason why a body could not be read.
#[derive(Debug)]
pub(super) enum BodyError {
    /// The client broke off.
    Incomplete,
    /// Other requests have taken all memory that there is for them.
    NoMemory,
}

/// Read the whole body; it comes with its part of the memory that there is for requests. That is taken as the bytes
/// come: what a client only announces costs nobody anything.
pub(super) async fn collect(
    memory: &Arc<Semaphore>,
    mut body: impl Body<Data = Bytes> + Unpin,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), BodyError> {
    let first = match body.frame().await {
        None => return Ok((Bytes::new(), None)),
        Some(frame) => frame.ok().and_then(|frame| frame.into_data().ok()).ok_or(BodyError::Incomplete)?,
    };
    if body.is_end_stream() {
        // As good as always, and then the bytes stay where they were received.
        return Ok((first, None));
    }
    let mut all = Vec::from(first);
    let mut taken: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let data = frame.ok().and_then(|frame| frame.into_data().ok()).ok_or(BodyError::Incomplete)?;
        all.extend_from_slice(&data);
        let held = taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) << 10;
        if all.len() > held + SMALL {
            let more = memory.clone().try_acquire_many_owned(kib(all.len() - held)).map_err(|_| BodyError::NoMemory)?;
            match &mut taken {
                Some(taken) => taken.merge(more),
                None => taken = Some(more),
            }
        }
    }
    Ok((all.into(), taken))
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn an_answer_takes_its_memory_until_it_is_gone() {
        let (memory, moment) = (Arc::new(Semaphore::new(3)), Duration::from_millis(1));
        let answer = reserve(&memory, 2 << 10, moment).await.expect("there is some").counted(vec![1; 2 << 10]);
        assert_eq!((memory.available_permits(), answer.len()), (1, 2 << 10));
        assert!(reserve(&memory, 2 << 10, moment).await.is_none());
        drop(answer);
        assert!(reserve(&memory, 3 << 10, Duration::from_secs(20)).await.is_some());
    }

    #[tokio::test]
    async fn a_body_that_comes_whole_takes_nothing() {
        let memory = Arc::new(Semaphore::new(0));
        let (bytes, taken) = collect(&memory, Full::new(Bytes::from_static(b"x"))).await.expect("a body");
        assert!(bytes == "x" && taken.is_none());
    }
}
