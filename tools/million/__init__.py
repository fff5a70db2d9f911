"""A million generated people: what each report and segment takes on each database, and how it is planned."""
