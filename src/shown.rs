//! Text from outside as it is shown to people: in messages, in logs, on a terminal.
//!
//! Such text may hold characters that move a cursor, hide or reorder text, or begin a new line.
//! They are shown as `\u001b`, in the form that JSON has for them.

use std::fmt::{Display, Formatter, Result, Write};

/// A text whose characters that act on a terminal are escaped.
///
/// ```
/// use carrack::parts::text::Escaped;
/// assert_eq!(Escaped("a\u{1b}[2J\nb \u{202e} ä").to_string(), r"a\u001b[2J\u000ab \u202e ä");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

/// The same in quotation marks. Quotation marks and backslashes in it are escaped too.
///
/// ```
/// use carrack::parts::text::Quoted;
/// assert_eq!(Quoted("say \"ahoy\"\u{7}").to_string(), r#""say \"ahoy\"\u0007""#);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut rest = self.0;
        while let Some(place) = rest.find(acts_on_terminal) {
            let (plain, from) = rest.split_at(place);
            f.write_str(plain)?;
            let mut chars = from.chars();
            if let Some(found) = chars.next() {
                for unit in found.encode_utf16(&mut [0; 2]) {
                    write!(f, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        f.write_str(rest)
    }
}

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_char('"')?;
        let mut rest = self.0;
        while let Some(place) = rest.find(['"', '\\']) {
            let (plain, from) = rest.split_at(place);
            let (mark, after) = from.split_at(1);
            write!(f, "{}\\{mark}", Escaped(plain))?;
            rest = after;
        }
        write!(f, "{}\"", Escaped(rest))
    }
}

/// Whether [`Escaped`] escapes a character: control characters (line ends too), marks of direction,
/// separators of lines and paragraphs, and what has no shape of its own. That is Unicode's Cc, Zl,
/// Zp and `Default_Ignorable_Code_Point`, with annotations, and without the 16 variation selectors
/// that choose between shapes of the character before them.
///
/// ```
/// use carrack::parts::text::acts_on_terminal;
/// assert!(acts_on_terminal('\u{200b}'));
/// assert!(!acts_on_terminal('日'));
/// ```
pub fn acts_on_terminal(char: char) -> bool {
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
            assert_eq!(Escaped(text).to_string(), shown);
            assert_eq!(Quoted(text).to_string(), format!("\"{shown}\""));
        }
        assert_eq!(Quoted(r#"\"\"#).to_string(), r#""\\\"\\""#);
    }

    #[test]
    fn every_control_character_is_escaped_and_json_means_the_same() {
        for char in ('\0'..=char::MAX).filter(|char| char.is_control() || acts_on_terminal(*char)) {
            let text = char.to_string();
            let json = Escaped(&serde_json::to_string(&text).unwrap()).to_string();
            assert!(json.is_ascii(), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
