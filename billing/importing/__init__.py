"""A bill's way into the house: manifest -> spool -> DuckDB -> a delivery's partition -> the month.

look      which months have a delivery that is not imported yet
month     one month, step by step
spool     a private folder for the files while they are read
readers   files as columns: Parquet, CSV
formats   what a format's columns mean
aggregate line items to daily costs, inside DuckDB
control   the export's own total, computed apart from the aggregation
load      COPY into the delivery's own tables
swap      the one transaction after which readers see the new delivery
cleanup   what dead runs and old deliveries leave
"""
