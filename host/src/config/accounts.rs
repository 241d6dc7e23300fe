//! Users and groups of this system, by name or number.

use nix::unistd::{Gid, Group, Uid, User as Account};

use super::types::User;
use crate::text::python::int;

/// Look up a user by name or number.
pub(super) fn user(value: &str) -> Result<User, String> {
    let by_number = |uid| Account::from_uid(Uid::from_raw(uid));
    let account = look_up(value, "user", by_number, Account::from_name)?;
    Ok(User { name: value.to_owned(), uid: account.uid.as_raw(), gid: account.gid.as_raw() })
}

/// Look up a group by name or number.
pub(super) fn gid(value: &str) -> Result<u32, String> {
    let group = look_up(value, "group", |gid| Group::from_gid(Gid::from_raw(gid)), Group::from_name)?;
    Ok(group.gid.as_raw())
}

fn look_up<T>(
    value: &str,
    kind: &str,
    by_number: impl Fn(u32) -> nix::Result<Option<T>>,
    by_name: impl Fn(&str) -> nix::Result<Option<T>>,
) -> Result<T, String> {
    match int(value) {
        Ok(number) => u32::try_from(number)
            .ok()
            .and_then(|number| by_number(number).ok().flatten())
            .ok_or_else(|| format!("Invalid {kind} id {value}")),
        Err(_) => by_name(value).ok().flatten().ok_or_else(|| format!("Invalid {kind} name {value}")),
    }
}

/// Look up `user` or `user:group`.
pub(super) fn colon_separated_user_group(value: &str) -> Result<(u32, Option<u32>), String> {
    let (user_name, group_name) = value.split_once(':').map_or((value, None), |(user, group)| (user, Some(group)));
    let found = user(user_name).and_then(|user| Ok((user.uid, group_name.map(gid).transpose()?)));
    found.map_err(|_| format!("Invalid user:group definition {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_looked_up() {
        assert_eq!(user("root"), Ok(User { name: "root".into(), uid: 0, gid: 0 }));
        assert_eq!(user("0").unwrap().uid, 0);
        assert_eq!(user("no-such-user").unwrap_err(), "Invalid user name no-such-user");
        assert_eq!(user("").unwrap_err(), "Invalid user name ");
        assert_eq!(user("-1").unwrap_err(), "Invalid user id -1");
        assert_eq!(user("3999999999").unwrap_err(), "Invalid user id 3999999999");
        assert_eq!(colon_separated_user_group("root"), Ok((0, None)));
        assert_eq!(colon_separated_user_group("0:root"), Ok((0, Some(0))));
        for bad in ["root:no-such-group", "no-such-user:root", ":", "root:"] {
            assert_eq!(colon_separated_user_group(bad).unwrap_err(), format!("Invalid user:group definition {bad}"));
        }
    }
}
