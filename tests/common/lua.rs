//! What lets Lua read Prosody's own code. Knows nothing of what is read.

/// The beginning of a script. From Prosody 13 on its modules are named with the program's name in front.
pub const PROSODYS: &str = r#"
    package.path = "/usr/lib/prosody/?.lua;" .. package.path
    package.cpath = "/usr/lib/prosody/?.so;" .. package.cpath
    table.insert(package.searchers, function (name)
        local inner = name:match("^prosody%.(.+)$")
        return inner and function () return require(inner) end
    end)
"#;
