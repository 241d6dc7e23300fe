//! Limits of a child: rlimits, niceness, and what the kernel thinks of it when memory runs out.
//!
//! The parent looks first for what it can know, so that the reason stands where clients see it. The child sets them
//! before it changes its user, for only root may raise most of them.

use nix::errno::Errno;

use crate::{
    limits,
    linux::{
        raw_calls,
        this_process::{self, CAP_SYS_NICE, CAP_SYS_RESOURCE, NICENESS_LIMIT, has_capability},
    },
    process::launch::Launch,
};

/// Check that the limits may be set, as far as that can be known. The error names the one that may not.
pub(super) fn check(launch: &Launch) -> Result<(), String> {
    let refuse = |label: &str, why: String| Err(format!("couldn't set {label} for '{}': {why}", launch.name));
    for limit in &launch.limits {
        let (_, hard) = limits::get(limit.resource).unwrap_or((limits::INFINITY, limits::INFINITY));
        if limit.soft.max(limit.hard.unwrap_or(0)) > hard && !has_capability(CAP_SYS_RESOURCE) {
            return refuse(&limit.label, format!("EPERM, the hard limit is {hard}"));
        }
    }
    if let Some(nice) = launch.nice {
        let own = this_process::niceness();
        let (least, _) = limits::get(NICENESS_LIMIT).unwrap_or((0, 0));
        let needed = u64::try_from(20 - nice).unwrap_or(0);
        if libc::c_long::from(nice) < own && needed > least && !has_capability(CAP_SYS_NICE) {
            return refuse(&format!("nice to {nice}"), format!("EACCES, supervisord has {own}"));
        }
    }
    Ok(())
}

/// Set the limits of this process, in the child. The error is what could not be set, and why.
pub(super) fn set(launch: &Launch) -> Result<(), (&str, Errno)> {
    for limit in &launch.limits {
        raw_calls::set_limit(limit.resource, limit.soft, limit.hard).map_err(|errno| (limit.label.as_str(), errno))?;
    }
    if let Some(nice) = launch.nice {
        raw_calls::set_niceness(nice).map_err(|errno| ("nice", errno))?;
    }
    if let Some(text) = &launch.oom_score_adj {
        raw_calls::set_oom_score_adj(text.as_bytes()).map_err(|errno| ("oom_score_adj", errno))?;
    }
    Ok(())
}
