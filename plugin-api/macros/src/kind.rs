//! The two attribute macros, and what each is called.

/// An attribute macro: there are two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `#[rpc_interface]`: methods of an RPC interface.
    Rpc,
    /// `#[ctl_plugin]`: commands of supervisorctl.
    Ctl,
}

impl Kind {
    /// The name of the attribute for options of a method or parameter.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Ctl => "ctl",
        }
    }

    /// The macro that this is not.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Rpc => Self::Ctl,
            Self::Ctl => Self::Rpc,
        }
    }

    /// The macro's own name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rpc => "rpc_interface",
            Self::Ctl => "ctl_plugin",
        }
    }
}
