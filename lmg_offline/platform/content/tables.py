"""The content tables: what is filtered and ordered by has a column, the rest lies in `document`."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from lmg_offline.platform.store.metadata import metadata

ID = String(128)


def _content_table(name: str, *columns: Column[object] | Index) -> Table:
    return Table(
        name,
        metadata,
        Column("property_id", String(64), ForeignKey("properties.id", ondelete="CASCADE"), primary_key=True),
        Column("id", ID, primary_key=True),
        Column("slug", ID, nullable=False),
        Column("name", Text, nullable=False),
        Column("enabled", Boolean, nullable=False),
        *columns,
        Column("document", JSON, nullable=False),
        Index(f"ix_{name}_slug", "property_id", "slug"),
    )


businesses = _content_table("businesses", Column("priority", Integer, nullable=False, server_default="0"))
locations = _content_table(
    "locations",
    Column("business_id", ID, nullable=False),
    Column("latitude", Float, nullable=False),
    Column("longitude", Float, nullable=False),
    Index("ix_locations_business", "property_id", "business_id"),
    Index("ix_locations_place", "property_id", "latitude", "longitude"),
)
offers = _content_table(
    "offers", Column("business_id", ID, nullable=False), Index("ix_offers_business", "property_id", "business_id")
)
collections = _content_table("collections", Column("priority", Integer, nullable=False))
categories = _content_table("categories")

content_categories = Table(
    "content_categories",
    metadata,
    Column("property_id", String(64), ForeignKey("properties.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(16), primary_key=True, comment="businesses or offers"),
    Column("content_id", ID, primary_key=True),
    Column("category", ID, primary_key=True, comment="the category's slug; as it was written where there is none"),
    Index("ix_content_categories_category", "property_id", "kind", "category", "content_id"),
    comment="What each business and offer is about; an offer is about what its business is about too",
)

content_tags = Table(
    "content_tags",
    metadata,
    Column("property_id", String(64), ForeignKey("properties.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(16), primary_key=True, comment="businesses or collections"),
    Column("content_id", ID, primary_key=True),
    Column("tag", ID, primary_key=True),
    Index("ix_content_tags_tag", "property_id", "kind", "tag", "content_id"),
    comment="The tags of each business and collection",
)

BY_KIND = {
    "businesses": businesses,
    "locations": locations,
    "offers": offers,
    "collections": collections,
    "categories": categories,
}
