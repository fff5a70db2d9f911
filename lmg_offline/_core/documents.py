"""The GraphQL documents of the reads. Each is valid against the real platform's schema, but for those that say so."""

from __future__ import annotations

_IMAGE = "{ imageType mimeType url }"
_ADDRESS = (
    "{ id suite building streetAddress street postalcode locality neighbourhood city county state region country"
    " centre area nameShort timezone }"
)
_LOCATION = f"{{ id shareUrl name address {_ADDRESS} business {{ id }} distance url phone }}"
_CATEGORY = f"{{ id slug shortName name iconSmallImages {_IMAGE} iconLargeImages {_IMAGE} }}"
_OFFER_BODY = (
    "id slug shareUrl headline subhead details legal flags isBookmarked promoCode keywords enabled business { id }"
    f" heroImages {_IMAGE} schedules locations(orderingGeoPoint: $orderingGeoPoint)"
)
_OFFER = f"{{ {_OFFER_BODY} {_LOCATION} }}"
# Its places are among its business's own, which carry the addresses once: replies are bounded at 1 MiB.
_OFFER_OF_BUSINESS = f"{{ {_OFFER_BODY} {{ id }} }}"
_BUSINESS = (
    f"{{ id shareUrl name shortName slogan desc url phone offers {_OFFER_OF_BUSINESS} categories {_CATEGORY}"
    f" locations(orderingGeoPoint: $orderingGeoPoint) {_LOCATION}"
    f" profileImages {_IMAGE} logoStandardImages {_IMAGE} heroStandardImages {_IMAGE} }}"
)
_COLLECTION = (
    f"{{ id slug name shortName priority enabled heroStandardImages {_IMAGE} iconSmallImages {_IMAGE}"
    f" iconLargeImages {_IMAGE} }}"
)
_CURSOR = "cursor { previous next }"

BUSINESS = (
    f"query Business($businessId: ID!, $orderingGeoPoint: [Float!]) {{ business(businessId: $businessId) {_BUSINESS} }}"
)
BUSINESS_FEED = (
    "query BusinessFeed($q: String, $bookmarkedOffersOnly: Boolean, $contextGeoArea: [[Float!]!],"
    " $orderingGeoPoint: [Float!], $cursor: String, $limit: Int) { businessFeed(q: $q,"
    " bookmarkedOffersOnly: $bookmarkedOffersOnly, contextGeoArea: $contextGeoArea,"
    f" orderingGeoPoint: $orderingGeoPoint, cursor: $cursor, limit: $limit) {{ businesses {_BUSINESS} {_CURSOR} }} }}"
)
# `tagNames` on businessFeed is an extension of our platform.
BUSINESS_FEED_BY_TAGS = BUSINESS_FEED.replace("$limit: Int)", "$limit: Int, $tagNames: [String!])").replace(
    "limit: $limit)", "limit: $limit, tagNames: $tagNames)"
)
OFFER = f"query Offer($offerId: ID!, $orderingGeoPoint: [Float!]) {{ offer(offerId: $offerId) {_OFFER} }}"
LOCATION_FEED = (
    "query LocationFeed($contextGeoArea: [[Float!]!], $orderingGeoPoint: [Float!], $cursor: String, $limit: Int)"
    " { locationFeed(contextGeoArea: $contextGeoArea, orderingGeoPoint: $orderingGeoPoint, cursor: $cursor,"
    f" limit: $limit) {{ locations {_LOCATION} {_CURSOR} }} }}"
)
COLLECTION = f"query Collection($collectionId: ID!) {{ collection(collectionId: $collectionId) {_COLLECTION} }}"
COLLECTION_FEED = (
    "query CollectionFeed($tagNames: [String!], $contextGeoArea: [[Float!]!], $cursor: String, $limit: Int)"
    " { collectionFeed(tagNames: $tagNames, contextGeoArea: $contextGeoArea, cursor: $cursor, limit: $limit)"
    f" {{ collections {_COLLECTION} {_CURSOR} }} }}"
)
# `orderingGeoPoint` on collectionFeed is an extension of our platform.
COLLECTION_FEED_FROM_POINT = COLLECTION_FEED.replace(
    "$limit: Int)", "$limit: Int, $orderingGeoPoint: [Float!])"
).replace("limit: $limit)", "limit: $limit, orderingGeoPoint: $orderingGeoPoint)")
COLLECTION_BUSINESSES = (
    "query CollectionBusinesses($collectionId: ID!, $contextGeoArea: [[Float!]!], $orderingGeoPoint: [Float!],"
    " $cursor: String, $limit: Int) { collection(collectionId: $collectionId) { id businessFeed("
    "contextGeoArea: $contextGeoArea, orderingGeoPoint: $orderingGeoPoint, cursor: $cursor, limit: $limit)"
    f" {{ businesses {_BUSINESS} {_CURSOR} }} }} }}"
)
_ARGS = "args { name desc required type values min max default }"
OFFER_STATE = (
    "query OfferState($offerId: ID!, $locationId: ID) { offerState(offerId: $offerId, locationId: $locationId)"
    f" {{ state expiresIn transitions {{ index target meta {{ transitionButtonText }} {_ARGS} }} display"
    " refreshInterval meta { actionType actionTarget } } }"
)
# `offline` is an extension of our platform.
OFFER_STATE_WITH_OFFLINE = OFFER_STATE.replace("refreshInterval meta", "refreshInterval offline meta")
_USAGE = "{ total used priority }"
_USAGE_PER_WINDOW = "{ total used granularity resetsIn priority }"
OFFER_STATUS = (
    "query OfferStatus($offerId: ID!, $locationId: ID!) { offerStatus(offerId: $offerId, locationId: $locationId)"
    f" {{ redeemable reason limitDetails {{ perProfile {_USAGE} perProfilePerWindow {_USAGE_PER_WINDOW}"
    f" global {_USAGE} globalPerWindow {_USAGE_PER_WINDOW} }} }} }}"
)
