"""What a query may use: functions, types, operators and constants of the moment. What is not here is refused.

All of these are built into PostgreSQL, look at nothing but their arguments and the clock, and change
nothing. Functions whose result may be far larger than their arguments (`repeat`, `format`) are left out.
"""

_AGGREGATES = """
    any_value array_agg avg bit_and bit_or bool_and bool_or corr count covar_pop covar_samp every
    json_agg json_object_agg jsonb_agg jsonb_object_agg max min mode percentile_cont percentile_disc
    regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope stddev stddev_pop stddev_samp
    string_agg sum var_pop var_samp variance
"""
# Those that hold on to every value they are given.
COLLECTING = frozenset(
    ["array_agg", "json_agg", "json_object_agg", "jsonb_agg", "jsonb_object_agg", "string_agg"]
)
_WINDOWS = """
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""
_STRINGS = """
    ascii bit_length btrim char_length character_length chr concat concat_ws initcap left length
    like_escape lower lpad ltrim md5 normalize octet_length overlay position regexp_count regexp_instr
    regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_substr replace
    reverse right rpad rtrim similar_to_escape split_part starts_with strpos substr substring to_char
    to_number translate upper
"""
_NUMBERS = """
    abs acos asin atan atan2 cbrt ceil ceiling cos cot degrees div exp floor gcd lcm ln log log10
    min_scale mod pi power radians random round scale sign sin sqrt tan trim_scale trunc width_bucket
"""
_TIMES = """
    age date_bin date_part date_trunc extract isfinite justify_days justify_hours justify_interval
    make_date make_interval make_time make_timestamp make_timestamptz now overlaps statement_timestamp
    timezone to_date to_timestamp transaction_timestamp
"""
_JSON = """
    array_to_json json_array_length json_build_array json_build_object json_extract_path
    json_extract_path_text json_object json_strip_nulls json_typeof jsonb_array_length jsonb_build_array
    jsonb_build_object jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object
    jsonb_path_exists jsonb_path_match jsonb_path_query_array jsonb_path_query_first jsonb_pretty
    jsonb_set jsonb_strip_nulls jsonb_typeof row_to_json to_json to_jsonb
"""
_ARRAYS = """
    array_append array_cat array_length array_lower array_ndims array_position array_positions
    array_prepend array_remove array_replace array_to_string array_upper cardinality num_nonnulls
    num_nulls pg_column_size string_to_array trim_array
"""

# Functions that give rows, and the columns that these have; None: one column, called like the alias.
ROW_FUNCTIONS: dict[str, tuple[str, ...] | None] = {
    "generate_series": None,
    "json_array_elements": ("value",),
    "json_array_elements_text": ("value",),
    "json_each": ("key", "value"),
    "json_each_text": ("key", "value"),
    "json_object_keys": None,
    "jsonb_array_elements": ("value",),
    "jsonb_array_elements_text": ("value",),
    "jsonb_each": ("key", "value"),
    "jsonb_each_text": ("key", "value"),
    "jsonb_object_keys": None,
    "jsonb_path_query": None,
    "regexp_split_to_table": None,
    "string_to_table": None,
    "unnest": None,
}

FUNCTIONS = frozenset(
    " ".join((_AGGREGATES, _WINDOWS, _STRINGS, _NUMBERS, _TIMES, _JSON, _ARRAYS)).split()
) | frozenset(ROW_FUNCTIONS)

# Functions that make something as large as they are told: which argument tells (from 0), and the most
# it may say.
BOUNDED_ARGUMENTS = {"lpad": 1, "rpad": 1}
LONGEST_PADDING = 1000
LONGEST_SERIES = 10_000

# What takes a path through JSON.
PATH_FUNCTIONS = "jsonb_path_"
PATH_OPERATORS = frozenset({"@?", "@@"})
MOST_PATH_COMMAS = 10

TYPES = frozenset(
    [
        "bool",
        "boolean",
        "bpchar",
        "date",
        "decimal",
        "float4",
        "float8",
        "int2",
        "int4",
        "int8",
        "interval",
        "json",
        "jsonb",
        "numeric",
        "text",
        "time",
        "timestamp",
        "timestamptz",
        "timetz",
        "uuid",
        "varchar",
    ]
)

OPERATORS = frozenset(
    [
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "|/",
        "||/",
        "@",
        "&",
        "|",
        "#",
        "<<",
        ">>",
        "~",
        "=",
        "<>",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "||",
        "->",
        "->>",
        "#>",
        "#>>",
        "#-",
        "@>",
        "<@",
        "?",
        "?|",
        "?&",
        "@?",
        "@@",
        "&&",
        "~*",
        "!~",
        "!~*",
        "~~",
        "~~*",
        "!~~",
        "!~~*",
        "^@",
        "|",
    ]
)

COLLATIONS = frozenset({"C", "POSIX", "unicode", "ucs_basic"})
