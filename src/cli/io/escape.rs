//! Text for a terminal. What comes from outside may hold characters that move the cursor, hide or
//! reorder text, or begin a new line: they are shown as `\u001b`, in the form that JSON has for
//! them.

use std::fmt;
use std::io::{self, Write};

/// Writes one line, and only one.
pub(in crate::cli) fn write_line(
    output: &mut dyn Write,
    words: fmt::Arguments<'_>,
) -> io::Result<()> {
    let mut escaping = Escaping { output, result: Ok(()) };
    let formatted = fmt::write(&mut escaping, words);
    escaping.result?;
    formatted.map_err(io::Error::other)?;
    output.write_all(b"\n")
}

/// The text as it is shown.
pub(in crate::cli) fn escaped(text: &str) -> String {
    let mut shown = Vec::with_capacity(text.len());
    // A vector takes everything.
    let _ = write_escaped(&mut shown, text);
    String::from_utf8_lossy(&shown).into_owned()
}

/// Whether the text is shown as it is.
pub(in crate::cli) fn is_plain(text: &str) -> bool {
    !text.contains(is_escaped)
}

struct Escaping<'a> {
    output: &'a mut dyn Write,
    result: io::Result<()>,
}

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.result = write_escaped(self.output, text);
        if self.result.is_ok() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// Writes text without an end of line.
pub(in crate::cli) fn write_escaped(output: &mut dyn Write, text: &str) -> io::Result<()> {
    let mut rest = text;
    while let Some(place) = rest.find(is_escaped) {
        let (plain, from) = rest.split_at(place);
        output.write_all(plain.as_bytes())?;
        let mut chars = from.chars();
        if let Some(found) = chars.next() {
            for unit in found.encode_utf16(&mut [0; 2]) {
                write!(output, "\\u{unit:04x}")?;
            }
        }
        rest = chars.as_str();
    }
    output.write_all(rest.as_bytes())
}

/// Control characters (line ends too), marks of direction, separators of lines and paragraphs, and
/// what has no shape of its own: Unicode's Cc, Zl, Zp and `Default_Ignorable_Code_Point`, with
/// annotations, and without the 16 variation selectors that choose between shapes of the character
/// before them.
fn is_escaped(char: char) -> bool {
    match char {
        ' '..='~' => false,
        '\0'..='\u{9f}' => true,
        _ => matches!(char,
            '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds guarantee G37.
    #[test]
    fn characters_that_act_on_a_terminal_are_escaped() {
        for (text, shown) in [
            ("plain ~ text", "plain ~ text"),
            ("\u{1b}[2J\u{7}", "\\u001b[2J\\u0007"),
            ("a\nb\r\tc\0", "a\\u000ab\\u000d\\u0009c\\u0000"),
            ("\u{7f}\u{80}\u{9b}\u{9f}\u{a0}", "\\u007f\\u0080\\u009b\\u009f\u{a0}"),
            ("\u{202e}gpj.exe\u{2066}\u{200f}", "\\u202egpj.exe\\u2066\\u200f"),
            ("\u{200b}\u{2028}\u{2029}\u{feff}", "\\u200b\\u2028\\u2029\\ufeff"),
            ("\u{e0041}x", "\\udb40\\udc41x"),
            ("äöü 日本 ❤\u{fe0f} 😀", "äöü 日本 ❤\u{fe0f} 😀"),
        ] {
            assert_eq!(escaped(text), shown);
            assert_eq!(is_plain(text), text == shown, "{text:?}");
            let mut line = Vec::new();
            write_line(&mut line, format_args!("{text}{text}")).unwrap();
            assert_eq!(line, format!("{shown}{shown}\n").as_bytes());
        }
    }

    #[test]
    fn every_control_character_is_escaped_and_json_means_the_same() {
        for char in ('\0'..=char::MAX).filter(|char| char.is_control() || is_escaped(*char)) {
            let text = char.to_string();
            assert!(!is_plain(&text), "{char:?}");
            let json = escaped(&serde_json::to_string(&text).unwrap());
            assert!(json.is_ascii(), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }

    #[test]
    fn an_output_that_fails_is_an_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = write_line(&mut Full, format_args!("{}", "text")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
