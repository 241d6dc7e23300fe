//! Names as clients see them.

/// Convert a function's name to a client's: `get_process_info` to `getProcessInfo`.
pub(crate) fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        camel.push_str(letters.as_str());
    }
    camel
}

/// The name of an identifier, without the `r#` of one that is a keyword.
pub(crate) fn of_ident(ident: &syn::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

/// Replace letters that supervisorctl does not take for part of a command with underscores.
pub(crate) fn of_command(name: &str) -> String {
    name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
}

#[cfg(test)]
mod tests {
    use super::camel_case;

    #[test]
    fn snakes_become_camels() {
        for (snake, camel) in [
            ("clear", "clear"),
            ("get_keys", "getKeys"),
            ("start_all_processes", "startAllProcesses"),
            ("read_2_lines", "read2Lines"),
        ] {
            assert_eq!(camel_case(snake), camel);
        }
    }
}
